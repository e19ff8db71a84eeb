# The judge with all that it needs, the jars of Apache Kafka among it: no Maven, nothing is downloaded at run time.
#
#   docker build -t fairpoll/fairpoll:0.1.0 .
#   docker run --rm --network host -v "$PWD:/work" --user "$(id -u)" fairpoll/fairpoll:0.1.0 test "./my-consumer --flag"
#
# The consumer runs in the container: for another runtime than Python's, build an image of your own FROM this one.
FROM apache/kafka:4.3.1 AS kafka

FROM python:3.11.14-slim-bookworm
RUN apt-get update -q \
    && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends openjdk-17-jre-headless \
    && rm -rf /var/lib/apt/lists/*
COPY --from=kafka /opt/kafka/libs /opt/kafka/libs
WORKDIR /src
COPY LICENSE README.md pyproject.toml requirements.txt docker-compose.yml ./
COPY libraries libraries
COPY resources resources
COPY suites suites
RUN grep == requirements.txt >pins.txt \
    && pip install --no-cache-dir --root-user-action ignore --break-system-packages -c pins.txt .

# HOME takes the list of what a run has started; nobody may write elsewhere.
ENV KAFKA_HOME=/opt/kafka HOME=/tmp PYTHONUNBUFFERED=1
WORKDIR /work
RUN chmod 1777 /work
USER 65534:65534
ENTRYPOINT ["fairpoll"]
CMD ["--help"]
