# What stands in for python:slim where no registry is reachable: Debian's root with its Python, and pip.
FROM scratch
ADD root.tar /
RUN wheel=$(echo /usr/share/python-wheels/pip-*.whl) \
 && python3 "$wheel/pip" install --no-cache-dir --no-index "$wheel"
ENV LANG=C.UTF-8
CMD ["python3"]
