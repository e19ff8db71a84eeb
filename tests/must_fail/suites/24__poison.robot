*** Settings ***
Documentation     Defects that show when a message can never be written.

Resource          ../../../resources/acceptance.resource
Library           ../DefectLibrary.py

Suite Setup       Run The Consumers With Poison
Suite Teardown    Log The Kill Table
Test Template     Consumer Should Be Caught


*** Test Cases ***                   CONSUMER                             CAUGHT BY                          CONSEQUENCES
Empties Dead Letters                 empties dead letters                 nothing_lost                       -
Alters Dead Letters                  alters dead letters                  content_intact                     -
Puts Poison Aside Twice              puts poison aside twice              no_forbidden_duplicates            -
Drops Good Messages Beside Poison    drops good messages beside poison    nothing_lost                       commits_never_ahead
Formats JSON Differently             [Template]                           Consumer Should Pass Everything
                                     formats json differently
Adds Fields To Dead Letters          [Template]                           Consumer Should Pass Everything
                                     adds fields to dead letters


*** Keywords ***
Run The Consumers With Poison
    [Documentation]    Run all of them at once on the same traffic, each in a group of its own.
    Bring Up The Cluster
    Run Consumers On
    ...    poison.yaml
    ...    empties dead letters
    ...    alters dead letters
    ...    puts poison aside twice
    ...    drops good messages beside poison
    ...    formats json differently
    ...    adds fields to dead letters
