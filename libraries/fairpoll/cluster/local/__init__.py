"""Apache Kafka as JVM processes on this machine."""
