*** Settings ***
Documentation     Defects of commits, buffers, memory and processes under steady overload: each is caught by name.

Resource          ../steady.resource

Suite Setup       Run The Consumers With Defects Of Keeping
Suite Teardown    Log The Kill Table
Test Template     Consumer Should Be Caught


*** Test Cases ***             CONSUMER                       CAUGHT BY                          CONSEQUENCES
Never Resumes                  never resumes                  pauses_pair_up                     nothing_lost every_partition_served no_stall throughput_at_least
Ignores The Threshold          ignores the threshold          buffers_bounded                    -
Buffers In Silence             buffers in silence             buffers_bounded                    memory_bounded memory_grows_at_most
Leaks Memory                   leaks memory                   memory_bounded                     memory_grows_at_most
Leaks A Little                 leaks a little                 memory_grows_at_most               -
Commits On Receipt             commits on receipt             commits_never_ahead                -
Never Commits                  never commits                  commits_caught_up                  -
Commits The Offset Itself      commits the offset itself      commits_caught_up                  -
Dies In The Traffic            dies in the traffic            stays_alive                        nothing_lost oldest_wait_at_most every_partition_served no_stall throughput_at_least commits_caught_up
Ignores SIGTERM                ignores sigterm                stops_when_asked                   -
Leaves A Session Of Its Own    leaves a session of its own    stops_when_asked                   -
Inside A Shell                 [Template]                     Consumer Should Pass Everything
                               inside a shell
Reports No Buffers             [Template]                     Consumer Should Pass Everything
                               reports no buffers
