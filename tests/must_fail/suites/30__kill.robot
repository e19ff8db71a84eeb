*** Settings ***
Documentation     Defects that show after a process has been killed, and a recording that was cut off.

Resource          ../../../resources/acceptance.resource
Library           ../DefectLibrary.py

Suite Setup       Kill The Consumers
Suite Teardown    Log The Kill Table
Test Template     Consumer Should Be Caught


*** Test Cases ***             CONSUMER                  CAUGHT BY                          CONSEQUENCES
Starts Again Late              starts again late         recovers_within                    nothing_lost commits_caught_up pauses_pair_up
Dies Once                      dies once                 stays_alive                        nothing_lost commits_caught_up recovers_within
A Supervisor's Restart         [Template]                Consumer Should Pass Everything
                               a supervisor's restart
Producer Kept Its Plan         [Template]                Cut Off Recording Should Fail
                               producer_kept_plan
Recording Is Sound             [Template]                Cut Off Recording Should Fail
                               recording_is_sound
The Built-In Async Consumer    [Template]                Consumer Should Pass Everything
                               async


*** Keywords ***
Kill The Consumers
    [Documentation]    Run them at once on the same traffic and kill each process.
    Bring Up The Cluster
    Run And Kill Consumers On
    ...    kill.yaml
    ...    starts again late
    ...    dies once
    ...    a supervisor's restart
