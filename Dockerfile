# One image for both programs. `make image` puts requirements.txt, the wheels that it names and Wheelyard's own wheel
# into wheels/ of the build context. So the build needs no network, and pip checks every wheel against its hash.
# BASE has no default: `make image` passes an image by its digest.
ARG BASE
FROM ${BASE}

# Given for releases: what pip compiles then depends on the sources alone, not on when they were installed.
ARG SOURCE_DATE_EPOCH
RUN --mount=type=bind,source=wheels,target=/wheels \
    python3 -m pip install --no-cache-dir --no-index --find-links /wheels --require-hashes -r /wheels/requirements.txt \
 && python3 -m pip install --no-cache-dir --no-index --no-deps /wheels/wheelyard-*.whl \
 && python3 -m pip check

# Any other id works as well: nothing is written but to the mounted scratch space.
USER 65532:65532
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
ENTRYPOINT ["wheelyard"]
CMD ["serve"]
