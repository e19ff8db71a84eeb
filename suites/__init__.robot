*** Settings ***
Documentation     Does a Kafka consumer starve a low-volume topic? Does it lose, repeat, reorder or stall anything?
...
...               One cluster serves all suites. The specified scenario runs once, sync and async side by side on
...               the same traffic; every test is one judgement on what was recorded.

Resource          ../resources/acceptance.resource

Suite Setup       Bring Up The Cluster
Suite Teardown    Stop Cluster
Test Timeout      10 minutes
