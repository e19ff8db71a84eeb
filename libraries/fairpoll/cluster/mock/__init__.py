"""librdkafka's mock cluster, in a process of its own."""
