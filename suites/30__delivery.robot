*** Settings ***
Documentation    Nothing invented, nothing out of order, no silent stall: of both consumers, on the same recording.

Resource         ../resources/acceptance.resource

Suite Setup      Run Both Modes On    specified.yaml

Test Tags        specified    delivery


*** Test Cases ***
Async Should Deliver Only Acked Messages
    Only Acked Messages Should Be Delivered    async

Sync Should Deliver Only Acked Messages
    Only Acked Messages Should Be Delivered    sync

Async Should Keep The Order Within Each Partition
    Order Should Be Kept    async

Sync Should Keep The Order Within Each Partition
    Order Should Be Kept    sync

Async Should Not Stall
    Consumer Should Not Stall    async    10 seconds

Sync Should Not Stall
    Consumer Should Not Stall    sync    10 seconds
