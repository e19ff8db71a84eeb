*** Settings ***
Documentation     In the consumer protocol a killed member's partitions come free when the broker's session timeout ends.

Resource          ../../../resources/acceptance.resource
Library           ../DefectLibrary.py

Suite Setup       Kill The Consumers
Suite Teardown    Log The Kill Table
Test Template     Consumer Should Pass Everything

Test Tags         real-broker


*** Test Cases ***
Consumer Protocol
    consumer protocol


*** Keywords ***
Kill The Consumers
    [Documentation]    Run them at once on the same traffic and kill each process.
    Bring Up The Cluster
    Run And Kill Consumers On    kill.yaml    consumer protocol
