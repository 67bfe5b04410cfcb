# The base with everything that Wheelyard needs but Wheelyard itself, so that a change of the code adds
# one small layer, and the cluster imports no more than that.
ARG BASE
FROM ${BASE}
RUN --mount=type=bind,source=wheels,target=/wheels \
    python3 -m pip install --no-cache-dir --no-index --find-links /wheels --require-hashes -r /wheels/requirements.txt
