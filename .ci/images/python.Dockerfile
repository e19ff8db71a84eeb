# Stands in for the base image of producer.Dockerfile: Debian's Python.
FROM fairpoll/stand-in-debian:bookworm
RUN apt-get update -q \
    && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends python3 python3-pip \
    && rm -rf /var/lib/apt/lists/*
# After the packages, whose installation writes the bundle anew: the machine's own authorities.
COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt
