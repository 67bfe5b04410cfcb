-- Sends the requests of a list in turn, and prints one line of JSON at the end.
-- The list has a line for each: METHOD PATH, and where there is one the file with the body.

local requests, bodies, turn = {}, {}, 0

function init(args)
  for line in io.lines(args[1]) do
    local method, path, body = line:match("^(%S+) (%S+) ?(.*)$")
    table.insert(requests, wrk.format(method, path, nil, nil))
    bodies[#requests] = body ~= "" and { method = method, path = path, file = body } or nil
  end
end

function request()
  turn = turn + 1
  local sent = bodies[(turn - 1) % #requests + 1]
  if sent == nil then
    return requests[(turn - 1) % #requests + 1]
  end
  local file = assert(io.open(sent.file, "rb"))
  local body = file:read("*a")
  file:close()
  return wrk.format(sent.method, sent.path, nil, body)
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"requests": %d, "seconds": %f, "bytes": %d, "p50": %f, "p99": %f, "refused": %d, "failed": %d}\n',
    summary.requests, summary.duration / 1e6, summary.bytes,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
