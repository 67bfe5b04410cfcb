# The pod that demos and tests publish and install with: pip, twine, uv and tar.
ARG BASE
FROM ${BASE}
RUN --mount=type=bind,source=wheels,target=/wheels \
    python3 -m pip install --no-cache-dir --no-index --find-links /wheels --require-hashes -r /wheels/requirements.txt
USER 65532:65532
WORKDIR /tmp
CMD ["sleep", "infinity"]
