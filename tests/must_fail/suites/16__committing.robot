*** Settings ***
Documentation     Defects of commits that only a broker's log shows: four samples a second miss them.

Resource          ../../../resources/acceptance.resource
Library           ../DefectLibrary.py

Suite Setup       Run The Consumers With Defects Of Commits
Suite Teardown    Log The Kill Table
Test Tags         real-broker
Test Template     Consumer Should Be Caught


*** Test Cases ***         CONSUMER                   CAUGHT BY              CONSEQUENCES
Commits One Ahead          commits one ahead          commits_never_ahead    -
Commits Past Each Other    commits past each other    commits_never_back     -
Commits At Once            [Template]                 Consumer Should Pass Everything
                           commits at once


*** Keywords ***
Run The Consumers With Defects Of Commits
    [Documentation]    Run all of them at once on the same traffic, each in a group of its own.
    Bring Up The Cluster
    Run Consumers On
    ...    steady.yaml
    ...    commits one ahead
    ...    commits past each other
    ...    commits at once
