*** Settings ***
Documentation    The backlog of one topic must not delay the live messages of another until it is consumed.
Metadata         Scenario    backlog_against_live.yaml

Resource         ../../resources/acceptance.resource

Suite Setup      Run Both Modes In Real Time

Test Tags        scenarios    delivery


*** Test Cases ***
Async Should Serve The Live Topic Within 2 Seconds
    Oldest Message Should Wait At Most    async    low    2 seconds

Sync Should Let The Live Topic Wait Behind The Backlog
    Oldest Message Should Wait At Least    sync    low    4 seconds

Async Should Deliver The Live Topic As It Comes
    Latency Should Be At Most    async    low    99    2 seconds

Async Should Not Pay For Fairness With Throughput
    Throughput Should Be At Least    async    90%    of=sync

Async Should Keep Every Delivery Guarantee
    Every Delivery Guarantee Should Hold    async

Sync Should Keep Every Delivery Guarantee
    Every Delivery Guarantee Should Hold    sync

Async Should Serve The Live Topic Nearly As Fast As Alone
    Oldest Message Should Wait At Most Times Solo    async    low    4
