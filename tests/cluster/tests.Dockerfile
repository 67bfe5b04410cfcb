# The image's base with what the unit and contract tests start: `make unit-in-image`.
ARG BASE
FROM ${BASE}
RUN apt-get update \
 && apt-get install --yes --no-install-recommends git make openssl python3-venv \
 && rm -rf /var/lib/apt/lists/*
