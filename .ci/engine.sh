# Sourced by .ci/run: a Docker engine for the compose part, installed and started where there is none.
#
# start_engine returns 1 where none can run, with the reason in $no_engine. stop_engine stops the one that
# was started here; somebody else's goes on.

no_engine=""
engine_pid=""
engine_log=""

start_engine() {
    local needed=()
    if [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
        command -v dockerd >/dev/null || needed+=(docker.io iptables)
        command -v docker-compose >/dev/null || docker compose version >/dev/null 2>&1 || needed+=(docker-compose)
        command -v debootstrap >/dev/null || needed+=(debootstrap)
        if ((${#needed[@]})); then
            apt-get update -q >/dev/null &&
                DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${needed[@]}" >/dev/null ||
                { no_engine="apt-get could not install ${needed[*]}"; return 1; }
        fi
    fi
    docker info >/dev/null 2>&1 && return
    if [[ $(id -u) != 0 ]] || ! command -v dockerd >/dev/null; then
        no_engine="no Docker engine answers, and none can be started here"
        return 1
    fi
    engine_log=$(mktemp)
    dockerd >"$engine_log" 2>&1 &
    engine_pid=$!
    for _ in {1..60}; do
        docker info >/dev/null 2>&1 && return
        kill -0 "$engine_pid" 2>/dev/null || break
        sleep 0.5
    done
    no_engine="dockerd does not run here: $(tail -n 1 "$engine_log")"
    stop_engine
    return 1
}

stop_engine() {
    [[ -n $engine_pid ]] || return 0
    kill "$engine_pid" 2>/dev/null || true
    wait "$engine_pid" 2>/dev/null || true
    engine_pid=""
    rm -f "$engine_log"
}
