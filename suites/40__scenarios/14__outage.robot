*** Settings ***
Documentation    After an outage both topics have a backlog: whose messages wait must not depend on the topics' names.
Metadata         Scenario    outage.yaml

Resource         ../../resources/acceptance.resource

Suite Setup      Run Both Modes In Real Time

Test Tags        scenarios    delivery


*** Test Cases ***
Async Should Serve The Quiet Topic Within 5 Seconds
    Oldest Message Should Wait At Most    async    low    5 seconds

Async Should Serve Every Partition
    Every Partition Should Be Served Within    async    3 seconds

Async Should Not Pay For Fairness With Throughput
    Throughput Should Be At Least    async    90%    of=sync

Async Should Keep Every Delivery Guarantee
    Every Delivery Guarantee Should Hold    async

Sync Should Keep Every Delivery Guarantee
    Every Delivery Guarantee Should Hold    sync
