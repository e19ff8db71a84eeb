*** Settings ***
Documentation    Kafka UI agrees with the brokers on the cluster, both topics, and the lag of both consumer groups.
Metadata         Scenario    specified.yaml

Resource         ../resources/kafka_ui.resource

Suite Setup      Run Both Modes With Kafka UI

Test Tags        kafka-ui


*** Test Cases ***
Kafka UI Is Up
    Kafka UI Should Be Up

The Cluster Is Online
    Kafka UI Should Show The Cluster Online

The High-Volume Topic Has 3 Partitions
    Kafka UI Should Show The Topic With Partitions    async-test-high-volume    3

The Low-Volume Topic Has 1 Partition
    Kafka UI Should Show The Topic With Partitions    async-test-low-volume    1

The Lag Of Async Agrees With The Brokers
    Kafka UI Should Show The Lag Of    async

The Lag Of Sync Agrees With The Brokers
    Kafka UI Should Show The Lag Of    sync
