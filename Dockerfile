# One image for both programs. `make image` puts the wheels of Wheelyard and of all it needs into wheels/ of
# the build context, so that the build itself needs no network and installs exactly what was locked.
ARG BASE=python:3.13-slim
FROM ${BASE}

# Given for releases: what pip compiles then depends on the sources alone, not on when they were installed.
ARG SOURCE_DATE_EPOCH
COPY wheels/ /wheels/
RUN python3 -m pip install --no-cache-dir --no-index --find-links /wheels 'wheelyard[operator,tracing]' \
 && rm -rf /wheels

# Any other id works as well: nothing is written but to the mounted scratch space.
USER 65532:65532
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
ENTRYPOINT ["wheelyard"]
CMD ["serve"]
