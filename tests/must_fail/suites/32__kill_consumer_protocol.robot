*** Settings ***
Documentation     In the consumer protocol a killed member's partitions come free when its session ends. Its successor is
...               refused until then if it is a static member, unlike one of the classic protocol.

Resource          ../../../resources/acceptance.resource
Library           ../DefectLibrary.py

Suite Setup       Kill The Consumers
Suite Teardown    Log The Kill Table
Test Template     Consumer Should Pass Everything

Test Tags         real-broker


*** Test Cases ***
Consumer Protocol
    consumer protocol
Static Member
    static member
Static In The Consumer Protocol
    [Template]    Consumer Should Be Caught
    static in the consumer protocol    stays_alive    nothing_lost commits_caught_up recovers_within


*** Keywords ***
Kill The Consumers
    [Documentation]    Run them at once on the same traffic and kill each process.
    Bring Up The Cluster
    Run And Kill Consumers On
    ...    kill.yaml
    ...    consumer protocol
    ...    static member
    ...    static in the consumer protocol
