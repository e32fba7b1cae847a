# The parent of one PostgreSQL server, which must end with its last user, however that user ends.
#
# stdin   a FIFO that every user holds open for writing: its end is the end of the last of them, kill -9 included
# stdout  a locked file: the server's processes inherit it, so the lock lasts as long as any of them
# stderr  the server's log
# $1      the folder of the socket and of the files below
# $2      a folder to delete at the end, or nothing
# $3 …    the server's command
run=$1 leftover=$2
shift 2
exec 3>&1 >&2
(
    "$@" </dev/null &
    echo $! >"$run/server.pid"
    wait $!
    echo $? >"$run/ended"
) &
supervisor=$!

# A new user says a word and waits for the file of that name. Without it the user came too late, when the loop was over.
while IFS= read -r word; do
    case $word in
        '') ;;
        keep) leftover= ;;
        *) : >"$run/hello.$word" ;;
    esac
done

rm -f "$run/users"
until [ -s "$run/server.pid" ]; do sleep 0.05; done
# Fast shutdown: clients are disconnected, nothing is lost.
[ -e "$run/ended" ] || kill -INT "$(cat "$run/server.pid")"
wait "$supervisor"
# Root's folders stay, emptied: they are not the server's user's to remove.
[ -z "$leftover" ] || rm -rf "$leftover" 2>/dev/null
rm -rf "$run" 2>/dev/null
