# What stands in for python:slim where no registry is reachable: Debian's root with its Python and pip.
FROM scratch
ADD root.tar /
ENV LANG=C.UTF-8
CMD ["python3"]
