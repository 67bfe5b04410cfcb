# The pod that demos and tests publish and install with: pip, twine, uv and tar.
ARG BASE
FROM ${BASE}
COPY wheels/ /wheels/
RUN python3 -m pip install --no-cache-dir --no-index --find-links /wheels twine uv && rm -rf /wheels
USER 65532:65532
WORKDIR /tmp
CMD ["sleep", "infinity"]
