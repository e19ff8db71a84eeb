*** Settings ***
Documentation     Partitions change hands between members that report nothing about it.

Resource          ../../../resources/acceptance.resource
Library           ../DefectLibrary.py

Suite Setup       Run The Silent Consumers
Suite Teardown    Log The Kill Table
Test Template     Consumer Should Pass Everything

Test Tags         real-broker


*** Test Cases ***
No Assignment Events
    no assignment events


*** Keywords ***
Run The Silent Consumers
    [Documentation]    Run them at once on the same traffic, each in a group of its own.
    Bring Up The Cluster
    Run Consumers On    handover.yaml    no assignment events
