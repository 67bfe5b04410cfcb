# One image for both programs. `make image` puts requirements.txt, the wheels that it names and Wheelyard's own wheel
# into wheels/ of the build context. So the build needs no network, and pip checks every wheel against its hash.
# BASE has no default: `make image` passes an image by its digest.
ARG BASE
# The same image for the machine that builds. Its pip installs for the target, and nothing is emulated.
ARG BUILDER=${BASE}

FROM --platform=${BUILDPLATFORM} ${BUILDER} AS installed
ARG TARGETARCH
# Given for releases: what pip compiles then depends on the sources alone, not on when they were installed.
ARG SOURCE_DATE_EPOCH
RUN --mount=type=bind,source=wheels,target=/wheels \
    case "${TARGETARCH}" in amd64) machine=x86_64 ;; arm64) machine=aarch64 ;; *) exit 1 ;; esac \
 && export _PYTHON_HOST_PLATFORM="linux-${machine}" \
 && pip="python3 -m pip install --no-cache-dir --no-index --root /installed" \
 && $pip --find-links /wheels --require-hashes -r /wheels/requirements.txt \
 && $pip --no-deps /wheels/wheelyard-*.whl \
 && PYTHONPATH="$(echo /installed/usr/local/lib/python3*/*-packages)" python3 -m pip check

FROM ${BASE}
COPY --from=installed /installed /

# Any other id works as well: nothing is written but to the mounted scratch space.
USER 65532:65532
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
ENTRYPOINT ["wheelyard"]
CMD ["serve"]
