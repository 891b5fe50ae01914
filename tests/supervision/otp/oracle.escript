#!/usr/bin/env escript
%% -*- erlang -*-
%%! +S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none
%% Real OTP runs cases: one Erlang term a line on stdin, one line of JSON a case on stdout, until stdin ends.
%% What a case is, and what is recorded, is written in cases.py and differential.py.
%%
%% Order: every event carries a strictly monotonic integer, taken where it happens (by the child itself at its
%% start, by the runtime's tracing at an exit). Sorting by it gives an order that agrees with cause and effect,
%% whatever way the messages took.
%%
%% Quiet: no supervisor lists a dead or a restarting child, and whoever was started and has not ended is listed.
%% An exit that its supervisor has not handled yet shows as a dead pid in its list, so nothing need be slept for.

-module(oracle).
-mode(compile).
-export([init/1, start_leaf/3, leaf/4, broken/1, start_sup/4]).

-define(CASE_MS, 20000).

main(_) ->
    logger:set_primary_config(level, none),
    process_flag(trap_exit, true),
    io:put_chars(["[\"ready\",", json(list_to_binary(erlang:system_info(otp_release))), "]\n"]),
    serve().

serve() ->
    case io:get_line("") of
        Line when is_list(Line) ->
            {ok, Tokens, _} = erl_scan:string(Line),
            {ok, Case} = erl_parse:parse_term(Tokens),
            io:put_chars([json(in_own_process(Case)), $\n]),
            serve();
        _ ->
            ok
    end.

in_own_process(Case) ->
    {Pid, Mon} = spawn_monitor(fun() -> exit({ran, run(Case)}) end),
    receive
        {'DOWN', Mon, process, Pid, {ran, Records}} -> [ok, Records];
        {'DOWN', Mon, process, Pid, Why} -> [error, list_to_binary(io_lib:format("~p", [Why]))]
    after ?CASE_MS ->
        exit(Pid, kill),
        [error, stuck]
    end.

%% --- a case: {Plans, Top, Script} -----------------------------------------------------------------------

-record(run, {world, top = none, paths = #{}, live = #{}, starts = #{}, events = []}).

run({Plans, {sup, Id, _, _, Flags, Children}, Script}) ->
    process_flag(trap_exit, true),
    Runner = self(),
    Collector = spawn_link(fun() -> collect([]) end),
    Table = ets:new(plans, [public]),
    ets:insert(Table, Plans),
    World = {Table, Collector},
    1 = erlang:trace(Runner, true, [procs, set_on_spawn, strict_monotonic_timestamp, {tracer, Collector}]),
    Run = #run{world = World},
    {Answer, Run1} =
        case start_sup(World, [Id], Flags, Children) of
            {ok, Top} -> {ok, Run#run{top = Top}};
            ignore -> {ignored, Run};
            {error, _} -> {start_failed, Run}
        end,
    {Record, Run2} = record(Answer, Run1),
    Records = script(Script, Run2, [Record]),
    Records.

script([], Run, Records) ->
    _ = stop(Run),
    lists:reverse(Records);
script([Action | Script], Run, Records) ->
    {Record, Run1} = record(act(Action, Run), Run),
    script(Script, Run1, [Record | Records]).

%% --- actions --------------------------------------------------------------------------------------------

act({plan, Path, Outcomes}, #run{world = {Table, _}}) ->
    ets:insert(Table, {Path, Outcomes}),
    ok;
act({kill, Path, Reason}, Run) ->
    with_pid(Path, [worker | [supervisor || Reason =:= kill]], Run, fun(Pid) -> kill(Pid, Reason), ok end);
act({quit, Path, Reason}, Run) ->
    with_pid(Path, [supervisor], Run, fun(Pid) -> quit(Pid, Reason), ok end);
act({command, Path, Command}, Run) ->
    with_pid(Path, [supervisor], Run, fun(Pid) -> command(Pid, Path, Command, Run) end);
act({burst, Path, Parts}, Run) ->
    with_pid(Path, [supervisor], Run, fun(Pid) -> burst(Pid, Path, Parts, Run) end);
act(stop, Run) ->
    stop(Run).

%% What stands at a path may be down, or of the other type than the script's author thought.
with_pid(Path, Types, #run{paths = Paths}, Do) ->
    case Paths of
        #{Path := {Pid, Type}} ->
            case lists:member(Type, Types) andalso is_process_alive(Pid) of
                true -> Do(Pid);
                false -> absent
            end;
        #{} -> absent
    end.

%% A leaf dies by itself, or by `kill` from outside; a supervisor only by that.
kill(Pid, Reason) ->
    Mon = monitor(process, Pid),
    case Reason of
        kill -> exit(Pid, kill);
        _ -> Pid ! {die, Reason}
    end,
    receive {'DOWN', Mon, process, Pid, _} -> ok end.

%% A supervisor ends by itself, in order.
quit(Pid, Reason) ->
    try gen_server:stop(Pid, Reason, infinity) of ok -> ok
    catch exit:_ -> ok
    end.

stop(#run{top = none}) -> absent;
stop(#run{top = Top}) ->
    case is_process_alive(Top) of
        false -> absent;
        true ->
            Mon = monitor(process, Top),
            exit(Top, shutdown),
            receive {'DOWN', Mon, process, Top, _} -> ok end
    end.

command(Pid, Path, Command, Run) ->
    try
        case Command of
            {terminate, Id} -> supervisor:terminate_child(Pid, Id);
            {restart, Id} -> supervisor:restart_child(Pid, Id);
            {delete, Id} -> supervisor:delete_child(Pid, Id);
            {start, Child} -> supervisor:start_child(Pid, spec(Run#run.world, Path, Child))
        end
    of
        ok -> ok;
        {ok, undefined} -> ignored;
        {ok, _} -> ok;
        {error, {already_started, _}} -> already_started;
        {error, {bad_combination, _}} -> invalid;
        {error, Why} when is_atom(Why), Why =/= planned -> Why;
        {error, _} -> start_failed
    catch
        exit:_ -> died
    end.

%% All parts stand in the supervisor's mailbox, in this order, before it looks at the first.
burst(Sup, Path, Parts, Run) ->
    ok = sys:suspend(Sup),
    Answers = [burst_part(Sup, Path, Part, Run) || Part <- Parts],
    ok = sys:resume(Sup),
    [case Answer of
         {asked, Pid, Mon} -> receive {'DOWN', Mon, process, Pid, {answer, Given}} -> Given end;
         _ -> Answer
     end || Answer <- Answers].

burst_part(Sup, Path, {kill, Id, Reason}, Run) ->
    Types = [worker | [supervisor || Reason =:= kill]],
    with_pid(Path ++ [Id], Types, Run, fun(Pid) -> arrives(Sup, fun() -> kill(Pid, Reason), ok end) end);
burst_part(Sup, Path, Command, Run) ->
    arrives(Sup, fun() ->
        {Pid, Mon} = spawn_monitor(fun() -> exit({answer, command(Sup, Path, Command, Run)}) end),
        {asked, Pid, Mon}
    end).

arrives(Sup, Do) ->
    {message_queue_len, Before} = process_info(Sup, message_queue_len),
    Done = Do(),
    wait_longer(Sup, Before),
    Done.

wait_longer(Sup, Before) ->
    case process_info(Sup, message_queue_len) of
        {message_queue_len, Length} when Length > Before -> ok;
        _ -> erlang:yield(), wait_longer(Sup, Before)
    end.

%% --- the record of an action: [Answer, Events, Tree] ----------------------------------------------------

record(Answer, Run) ->
    {Tree, Run1} = quiet(Run, []),
    {[Answer, lists:reverse(Run1#run.events), Tree], Run1#run{events = []}}.

%% An entry may arrive after one that happened later: all since the last record are put in order together.
quiet(#run{top = Top} = Run, Earlier) ->
    Walked =
        try walk(Top, [top])
        catch throw:again -> again
        end,
    Entries = lists:keymerge(1, Earlier, take(Run)),
    case Walked of
        {Tree, Paths} ->
            Run1 = lists:foldl(fun happened/2, Run, Entries),
            case lists:sort(maps:keys(Run1#run.live)) =:= lists:sort([Pid || {_, {Pid, _}} <- Paths]) of
                true -> {Tree, Run1#run{paths = maps:from_list(Paths)}};
                false -> erlang:yield(), quiet(Run, Entries)
            end;
        again ->
            erlang:yield(),
            quiet(Run, Entries)
    end.

walk(none, _) ->
    {[], []};
walk(Top, Path) ->
    case is_process_alive(Top) of
        true -> walk_sup(Top, Path);
        false -> {[], []}
    end.

walk_sup(Sup, Path) ->
    {Children, Counts} =
        try {supervisor:which_children(Sup), supervisor:count_children(Sup)}
        catch exit:_ -> throw(again)
        end,
    Shown = [[Id, shown(Pid), Type] || {Id, Pid, Type, _} <- Children],
    Below = [walk_child(Type, Pid, Path ++ [Id]) || {Id, Pid, Type, _} <- Children, is_pid(Pid)],
    Here = [path(Path), Shown, [Count || {_, Count} <- Counts]],
    {[Here | lists:append([Tree || {Tree, _} <- Below])],
     [{Path, {Sup, supervisor}} | lists:append([Paths || {_, Paths} <- Below])]}.

walk_child(supervisor, Pid, Path) -> walk_sup(Pid, Path);
walk_child(worker, Pid, Path) -> {[], [{Path, {Pid, worker}}]}.

shown(undefined) -> down;
shown(restarting) -> throw(again);
shown(Pid) ->
    case is_process_alive(Pid) of
        true -> running;
        false -> throw(again)
    end.

take(#run{world = {_, Collector}}) ->
    Ref = erlang:trace_delivered(all),
    receive {trace_delivered, all, Ref} -> ok end,
    Collector ! {take, self()},
    receive {taken, Entries} -> Entries end.

%% Of those that live the path, and which start of that path it was.
happened({_, {exit, Pid, Reason}}, #run{live = Live, events = Events} = Run) ->
    case maps:take(Pid, Live) of
        {{Path, N}, Rest} ->
            Run1 = Run#run{live = Rest},
            case reason(Reason) of
                start_failed -> Run1;
                Kind -> Run1#run{events = [[exit, path(Path), Kind, N] | Events]}
            end;
        error -> Run
    end;
happened({_, {started, Pid, Path}}, #run{live = Live, starts = Starts, events = Events} = Run) ->
    N = maps:get(Path, Starts, 0) + 1,
    Run#run{live = Live#{Pid => {Path, N}}, starts = Starts#{Path => N},
            events = [[start, path(Path), ok, N] | Events]};
happened({_, {What, Path}}, #run{starts = Starts, events = Events} = Run) ->
    Run#run{events = [[start, path(Path), What, maps:get(Path, Starts, 0)] | Events]}.

%% A supervisor whose children do not start says so to who starts it, which logs it, and exits afterwards.
reason(normal) -> normal;
reason(shutdown) -> shutdown;
reason({shutdown, {failed_to_start_child, _, _}}) -> start_failed;
reason({shutdown, _}) -> shutdown;
reason(killed) -> killed;
reason(_) -> failed.

collect(Entries) ->
    receive
        {log, Key, What} -> collect([{Key, What} | Entries]);
        {trace_ts, Pid, exit, Reason, {_, Key}} -> collect([{Key, {exit, Pid, Reason}} | Entries]);
        {take, From} ->
            From ! {taken, lists:keysort(1, Entries)},
            collect([]);
        _ -> collect(Entries)
    end.

log({_, Collector}, What) ->
    Collector ! {log, erlang:unique_integer([monotonic]), What}.

%% --- the tree's processes -------------------------------------------------------------------------------

start_sup({Table, _} = World, Path, Flags, Children) ->
    case outcome(Table, Path) of
        ok ->
            case supervisor:start_link(?MODULE, {World, Path, Flags, Children}) of
                {ok, _} = Started -> log(World, {up, Path}), Started;
                {error, _} = Failed -> log(World, {fail, Path}), Failed
            end;
        ignore -> log(World, {ignore, Path}), ignore;
        _ -> log(World, {fail, Path}), {error, {planned}}
    end.

init({World, Path, {Strategy, Intensity, AutoShutdown}, Children}) ->
    log(World, {started, self(), Path}),
    Flags = #{strategy => Strategy, intensity => Intensity, period => 1000000, auto_shutdown => AutoShutdown},
    {ok, {Flags, [spec(World, Path, Child) || Child <- Children]}}.

spec(World, Above, {leaf, Id, Restart, Significant, Shutdown, Dying}) ->
    #{id => Id, restart => Restart, significant => Significant, shutdown => Shutdown, type => worker,
      start => {?MODULE, start_leaf, [World, Above ++ [Id], Dying]}};
spec(World, Above, {sup, Id, Restart, Significant, Flags, Children}) ->
    #{id => Id, restart => Restart, significant => Significant, shutdown => infinity, type => supervisor,
      start => {?MODULE, start_sup, [World, Above ++ [Id], Flags, Children]}}.

start_leaf({Table, _} = World, Path, Dying) ->
    case outcome(Table, Path) of
        ok -> proc_lib:start_link(?MODULE, leaf, [World, Path, Dying, self()]);
        ignore -> log(World, {ignore, Path}), ignore;
        fail -> log(World, {fail, Path}), {error, {planned}};
        raise -> log(World, {fail, Path}), proc_lib:start_link(?MODULE, broken, [Path])
    end.

broken(Path) -> error({planned, Path}).

leaf(World, Path, Dying, Parent) ->
    process_flag(trap_exit, true),
    log(World, {started, self(), Path}),
    proc_lib:init_ack(Parent, {ok, self()}),
    live(Dying, Parent).

live(Dying, Parent) ->
    receive
        {die, Reason} -> exit(Reason);
        {'EXIT', Parent, shutdown} when Dying =:= never -> live(Dying, Parent);
        {'EXIT', Parent, shutdown} when Dying =/= obey -> exit(Dying);
        {'EXIT', Parent, Reason} -> exit(Reason)
    end.

%% The next start of what stands there goes so; without a plan it goes well.
outcome(Table, Path) ->
    case ets:lookup(Table, Path) of
        [{_, [Next | Rest]}] -> ets:insert(Table, {Path, Rest}), Next;
        _ -> ok
    end.

%% --- JSON of lists, atoms, integers and binaries --------------------------------------------------------

path(Path) -> list_to_binary(lists:join("/", [atom_to_list(Id) || Id <- Path])).

json(List) when is_list(List) -> [$[, lists:join($,, [json(Item) || Item <- List]), $]];
json(Number) when is_integer(Number) -> integer_to_list(Number);
json(Atom) when is_atom(Atom) -> json(atom_to_binary(Atom));
json(Text) -> [$", [escaped(Char) || <<Char>> <= Text], $"].

escaped($") -> "\\\"";
escaped($\\) -> "\\\\";
escaped($\n) -> "\\n";
escaped(Char) when Char < 32; Char > 126 -> "?";
escaped(Char) -> Char.
