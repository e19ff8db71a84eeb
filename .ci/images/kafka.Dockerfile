# Stands in for confluentinc/cp-zookeeper, confluentinc/cp-kafka or apache/kafka: Apache Kafka's own jars.
FROM fairpoll/stand-in-java:17
ARG STAND_IN
ARG LIBS
RUN useradd --uid 1000 --create-home appuser \
    && mkdir -p /var/lib/kafka/data /var/lib/zookeeper/data /var/lib/zookeeper/log \
    && chown -R appuser /var/lib/kafka /var/lib/zookeeper
COPY ${LIBS} /opt/kafka/libs
COPY entrypoint log4j2.properties /opt/stand-in/
# Short runs: compile quickly rather than well, and stay small beside the consumers under test.
ENV STAND_IN=${STAND_IN} \
    JVM_FLAGS="-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dlog4j2.configurationFile=/opt/stand-in/log4j2.properties"
USER appuser
ENTRYPOINT ["/opt/stand-in/entrypoint"]
