*** Settings ***
Documentation     Does a Kafka consumer starve a low-volume topic? Does it lose, repeat, reorder or stall anything?
...
...               One cluster serves all suites. Each scenario runs once, sync and async at the same time on the same
...               traffic, and leaves one recording; every test is one judgement on it.

Resource          ../resources/acceptance.resource

Suite Setup       Bring Up The Cluster
Suite Teardown    Stop Cluster
Test Timeout      10 minutes
