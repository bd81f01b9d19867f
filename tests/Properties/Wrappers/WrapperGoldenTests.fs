/// Every wrapper against Gymnasium's own outputs, with autoreset in the same step and in the next.
module Rl.Tests.Wrappers.WrapperGoldenTests

open System
open Rl.Core.Foundations
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Wrappers
open Rl.Tests.Golden
open Xunit

/// One bound for all elements or one each.
let private bounds (node: GoldenNode) = node.AsArray.Values

let private optional (node: GoldenNode) name otherwise =
    match node.TryGet name with
    | Some value -> value.AsFloat
    | None -> otherwise

let private elementwise (f: float32 -> float32) =
    RowTransform(fun source destination ->
        for i in 0 .. source.Length - 1 do
            destination[i] <- f source[i])

/// The wrappers of a case, the innermost first.
let private wrappers (case: GoldenNode) : Wrapper list =
    let p = case["params"]

    match case.Text "wrapper" with
    | "none"
    | "DtypeObservation" -> []
    | "NormalizeObservation" -> [ Wrapper.NormalizeObservation(p.Float "epsilon") ]
    | "NormalizeReward" -> [ Wrapper.NormalizeReward(p.Float "gamma", p.Float "epsilon") ]
    | "ClipAction" -> [ Wrapper.ClipAction ]
    | "RescaleAction" -> [ Wrapper.RescaleAction(bounds p["min_action"], bounds p["max_action"]) ]
    | "DiscretizeAction" -> [ Wrapper.DiscretizeAction(p.Ints "bins", p.Flag "multidiscrete") ]
    | "DiscretizeObservation" -> [ Wrapper.DiscretizeObservation(p.Ints "bins", p.Flag "multidiscrete") ]
    | "TransformAction" ->
        Assert.Equal("a -> 0.5*a + 0.1 (float32)", p.Text "func")
        [ Wrapper.transformAction "half" None (elementwise (fun a -> 0.5f * a + 0.1f)) ]
    | "TransformObservation" ->
        Assert.Equal("clip(obs, -10, 10)", p.Text "func")
        let space = Recorded.space case["outer_observation_space"]
        [ Wrapper.transformObservation "clip" (Some space) (elementwise (fun x -> Math.Clamp(x, -10.0f, 10.0f))) ]
    | "TransformReward" ->
        match p.Text "func" with
        | "clip(reward, -1, 1)" -> [ Wrapper.transformReward "clip" (fun reward -> Math.Clamp(reward, -1.0, 1.0)) ]
        | "0.1*reward" -> [ Wrapper.transformReward "tenth" (fun reward -> 0.1 * reward) ]
        | other -> failwith $"The function {other} is not known here."
    | "ClipReward" -> [ Wrapper.ClipReward(optional p "min_reward" -infinity, optional p "max_reward" infinity) ]
    | "TimeLimit" -> [ Wrapper.TimeLimit(p.Int "max_episode_steps") ]
    | "RecordEpisodeStatistics" -> [ Wrapper.RecordEpisodeStatistics ]
    | "FrameStackObservation" ->
        let padding =
            match p["padding_type"].Element.ValueKind with
            | Text.Json.JsonValueKind.Array -> FramePadding.Value(p.Floats32 "padding_type")
            | _ when p.Text "padding_type" = "zero" -> FramePadding.Zero
            | _ -> FramePadding.Reset

        [ Wrapper.FrameStackObservation(p.Int "stack_size", padding) ]
    | "TimeAwareObservation" ->
        Assert.Equal("TimeLimit(max_episode_steps=8)", p.Text "inside")
        [ Wrapper.TimeLimit 8; Wrapper.TimeAwareObservation(p.Flag "flatten", p.Flag "normalize_time") ]
    | "FlattenObservation" -> [ Wrapper.FlattenObservation ]
    | "FilterObservation" ->
        let names = [ for name in p["filter_keys"].Items -> string (name.Element.GetString()) ]
        [ Wrapper.FilterObservation names ]
    | "ReshapeObservation" -> [ Wrapper.ReshapeObservation(p.Ints "shape") ]
    | "RescaleObservation" -> [ Wrapper.RescaleObservation(bounds p["min_obs"], bounds p["max_obs"]) ]
    | "DelayObservation" -> [ Wrapper.DelayObservation(p.Int "delay") ]
    | "MaxAndSkipObservation" -> [ Wrapper.MaxAndSkipObservation(p.Int "skip") ]
    | "RepeatAction" -> [ Wrapper.RepeatAction(p.Int "num_repeats") ]
    | "GrayscaleObservation" -> [ Wrapper.GrayscaleObservation(p.Flag "keep_dim") ]
    | "Autoreset" -> [ Wrapper.NextStepAutoreset ]
    | other -> failwith $"{case.Path}: the wrapper {other} is not known here."

let private isImage (case: GoldenNode) = case.Text "wrapper" = "GrayscaleObservation"

let private innerSpace (case: GoldenNode) =
    match Recorded.space case["inner_observation_space"] with
    | Space.Box(_, _, [| height; width; channels |]) when isImage case -> Space.image channels height width
    | space -> space

let private batchOf (observations: Space) (actions: Space) arrange (scripts: GoldenNode list) (list: Wrapper list) =
    let instances = [| for script in scripts -> RecordedScript(observations, actions, script.Items, arrange) |]

    let create = Func<int, IMutableEnvironment>(fun copy -> instances[copy])
    struct (instances, Wrapper.apply list (External("Recorded-v0", nan, instances.Length, create)))

let private bind (case: GoldenNode) (list: Wrapper list) =
    let arrange = if isImage case then Recorded.channelsFirst 3 else id

    let struct (instances, batch) =
        batchOf (innerSpace case) (Recorded.space case["inner_action_space"]) arrange [ case["script"] ] list

    struct (instances[0], batch)

/// The reference rounds grey levels down to whole ones, as its observations are bytes.
let private compareObservation (case: GoldenNode) (record: GoldenNode) (actual: float32[]) =
    let seen = if isImage case then Array.map MathF.Floor actual else actual
    Golden.close 1e-5 1e-5 record "obs" (Recorded.values record["obs"] |> Array.map float) (Array.map float seen)

/// The statistics that a record shows, against those of the one wrapper that has some.
let private compareStatistics (record: GoldenNode) (statistics: RunningStatistics) =
    let variance = [| for i in 0 .. statistics.Size - 1 -> statistics.SquaredDeviation[i] / statistics.Count |]

    let compare prefix tolerance =
        if record.Has(prefix + "_mean") then
            Golden.close tolerance tolerance record "mean" (record.Floats(prefix + "_mean")) statistics.Mean
            Golden.close tolerance tolerance record "variance" (record.Floats(prefix + "_var")) variance
            Golden.closeNumber 1e-10 1e-10 record "count" (record.Float(prefix + "_count")) statistics.Count

    compare "running" 1e-5
    compare "return_running" 1e-10

let private compareOutcome (record: GoldenNode) (buffers: StepBuffers) =
    Golden.closeNumber 1e-9 1e-9 record "reward" (record.Float "reward") buffers.ExactRewards.Span[0]
    Assert.Equal(record.Flag "terminated", buffers.Terminated.Span[0])
    // A step that terminates is not truncated, although Gymnasium may say both.
    Assert.Equal(record.Flag "truncated" && not (record.Flag "terminated"), buffers.Truncated.Span[0])

    match record.TryGet "episode" with
    | Some episode ->
        Golden.closeNumber 1e-9 1e-9 record "return" (episode.Float "r") buffers.EpisodeReturns.Span[0]
        Assert.Equal(episode.Int "l", buffers.EpisodeLengths.Span[0])
    | None -> ()

let private row (memory: Memory<float32>) = memory.ToArray()

let private observe (batch: BatchEnvironment) =
    let rows = Array.zeroCreate<float32>(batch.Count * batch.ObservationSize)
    batch.Observe(Span rows)
    rows

let private compareActions (case: GoldenNode) (script: RecordedScript) =
    match case.TryGet "actions_received_by_inner_env" with
    | Some actions ->
        let expected =
            [|
                for action in actions.Items do
                    yield! Recorded.values action
            |]
            |> Array.map float

        let actual = script.Actions |> Seq.concat |> Seq.map float |> Array.ofSeq
        // What the wrapper sends after the record's end is nobody's.
        Golden.close 1e-6 1e-6 case "actions" expected (Array.truncate expected.Length actual)
    | None -> ()

let private compareSpaces (case: GoldenNode) (batch: BatchEnvironment) =
    if case.Has "outer_action_space" then
        Assert.Equal(Recorded.space case["outer_action_space"], batch.ActionSpace)

        if isImage case then
            let shape = if case["params"].Flag "keep_dim" then [| 1; 2; 3 |] else [| 2; 3 |]
            Assert.Equal(Space.boxOf 0.0 255.0 shape, batch.ObservationSpace)
        else
            Assert.Equal(Recorded.space case["outer_observation_space"], batch.ObservationSpace)

/// Episodes begin in the step that ends the last: what a reset record shows has been seen by then.
let private sameStep (case: GoldenNode) =
    let struct (script, batch) = bind case (wrappers case)
    compareSpaces case batch
    batch.Reset(Rng.create 0UL)
    let buffers = StepBuffers.Allocate(1, batch.ObservationSize, true)
    let mutable ended = false

    for record in case["log"].Items do
        if record.Has "reset" then
            compareObservation case record (observe batch)
            batch.Statistics |> List.iter (compareStatistics record)
            ended <- false
        else
            batch.StepAll(ReadOnlySpan(Recorded.values record["action"]), buffers)
            ended <- buffers.Terminated.Span[0] || buffers.Truncated.Span[0]
            let seen = if ended then buffers.FinalObservations else buffers.Observations
            compareObservation case record (row seen)
            compareOutcome record buffers
            // By an episode's end the first observation of the next is learnt from, which the file shows at the reset.
            if not ended || not (record.Has "running_mean") then
                batch.Statistics |> List.iter (compareStatistics record)

    compareActions case script

/// Episodes begin in a step of their own: what a reset record shows is that step's.
let private nextStep (case: GoldenNode) =
    let struct (script, batch) = bind case (Wrapper.NextStepAutoreset :: wrappers case)
    Assert.Equal(AutoresetMode.NextStep, batch.Autoreset)
    let buffers = StepBuffers.Allocate(1, batch.ObservationSize, true)
    let nothing = Array.zeroCreate<float32> batch.ActionSize
    let mutable started = false

    for record in case["log"].Items do
        if record.Has "reset" then
            // One case switches the learning off and on.
            if record.Has "update_running_mean" && started then
                batch.RestoreStatistics(batch.Statistics, not (record.Flag "update_running_mean"))

            if started then
                batch.StepAll(ReadOnlySpan nothing, buffers)
                Assert.Equal(0.0, buffers.ExactRewards.Span[0])
                Assert.True(Double.IsNaN buffers.EpisodeReturns.Span[0])
            else
                batch.Reset(Rng.create 0UL)

            started <- true
            compareObservation case record (observe batch)
        else
            batch.StepAll(ReadOnlySpan(Recorded.values record["action"]), buffers)
            compareObservation case record (row buffers.Observations)
            compareOutcome record buffers

            if buffers.Terminated.Span[0] || buffers.Truncated.Span[0] then
                compareObservation case record (row buffers.FinalObservations)

        batch.Statistics |> List.iter (compareStatistics record)

    compareActions case script

/// The case in which the next step's action is an ordinary record.
let private autoreset (case: GoldenNode) =
    let struct (_, batch) = bind case (wrappers case)
    batch.Reset(Rng.create 0UL)
    let buffers = StepBuffers.Allocate(1, batch.ObservationSize, true)

    for record in case["log"].Items do
        if not (record.Has "reset") then
            batch.StepAll(ReadOnlySpan(Recorded.values record["action"]), buffers)
            compareOutcome record buffers

        compareObservation case record (observe batch)

let private sticky (case: GoldenNode) =
    let probability = case["params"].Float "repeat_action_probability"
    Assert.Equal(1, case["params"].Int "repeat_action_duration")
    let draws = case["uniforms_consumed"].Items
    let received = case.Ints "actions_received_by_inner_env"
    let fresh: StickyState = { Repeats = 0; HasActed = false; Stream = Rng.create 0UL }
    let mutable state = fresh
    let mutable last = -1

    case.Ints "actions"
    |> Array.iteri (fun step action ->
        // Episodes of 19 steps.
        if step % 19 = 0 then state <- fresh
        let draw = draws[step].AsArray.Values
        Assert.Equal(draw.Length = 1, Sticky.draws state)
        let struct (repeats, next) = Sticky.decide probability (Array.tryHead draw |> Option.defaultValue nan) 1 state
        state <- next
        if not repeats then last <- action
        Assert.Equal(received[step], last))

/// What is left out; `Golden/README.md` gives the reason: a frame of an earlier step in the maximum of an episode's
/// last two.
let private listed = Set [ "wrapper-h-25-MaxAndSkipObservation" ]

[<Fact>]
let ``wrappers give Gymnasium's numbers`` () =
    Golden.verify "wrappers" (fun case ->
        match case.Text "wrapper" with
        | _ when listed.Contains case.Id -> ()
        | "StickyAction" -> sticky case
        | "Autoreset" -> autoreset case
        | "TimeLimit"
        | "TimeAwareObservation"
        | "MaxAndSkipObservation"
        | "RepeatAction" -> sameStep case
        // It freezes the statistics between the end of an episode and the beginning of the next.
        | _ when case["log"].Items |> List.exists _.Has("update_running_mean") -> nextStep case
        // A single environment's return goes on from one episode to the next; in the same step it begins anew (below).
        | "NormalizeReward" -> nextStep case
        | _ ->
            sameStep case
            nextStep case)

[<Fact>]
let ``vectors of environments give Gymnasium's numbers in both modes of autoreset`` () =
    Golden.verify "vector_autoreset" (fun case ->
        let isNextStep = case.Text "autoreset_mode" = "NEXT_STEP"
        let list = [ if isNextStep then Wrapper.NextStepAutoreset ] @ wrappers case
        let count = case.Int "num_envs"

        let struct (instances, batch) =
            batchOf (Space.unbounded [| 2 |]) (Space.discrete 3) id case["scripts"].Items list

        let buffers = StepBuffers.Allocate(count, 2, true)
        batch.Reset(Rng.create 0UL)

        for record in case["log"].Items do
            let close what (actual: float[]) = Golden.close 1e-5 1e-5 record what (record.Floats what) actual

            if not (record.Has "reset") then
                batch.StepAll(ReadOnlySpan(record.Floats32 "actions"), buffers)
                close "rewards" (buffers.ExactRewards.ToArray())
                Assert.Equal<bool[]>(record.Flags "terminated", buffers.Terminated.ToArray())
                Assert.Equal<bool[]>(record.Flags "truncated", buffers.Truncated.ToArray())

                for copy in 0 .. count - 1 do
                    let hasEnded = buffers.Terminated.Span[copy] || buffers.Truncated.Span[copy]

                    if record.Has "has_final_obs" then
                        Assert.Equal((record.Flags "has_final_obs")[copy], hasEnded)

                        if hasEnded then
                            let expected = record["final_obs"].Items[copy].AsArray.Values
                            let actual = buffers.FinalObservations.Slice(2 * copy, 2).ToArray()
                            Golden.close 1e-5 1e-5 record "final_obs" expected (Array.map float actual)

                    if record.Has "has_episode" && (record.Flags "has_episode")[copy] then
                        let expected = (record["episode"].Floats "r")[copy]
                        Golden.closeNumber 1e-5 1e-5 record "return" expected buffers.EpisodeReturns.Span[copy]
                        Assert.Equal((record["episode"].Ints "l")[copy], buffers.EpisodeLengths.Span[copy])

            close "obs" (observe batch |> Array.map float)

            for statistics in batch.Statistics do
                let variance = statistics.SquaredDeviation |> Array.map (fun value -> value / statistics.Count)

                // The reference adds up rewards of several copies at float32.
                for prefix in [ "running"; "return_running" ] do
                    if record.Has(prefix + "_mean") then
                        close (prefix + "_mean") statistics.Mean
                        close (prefix + "_var") variance
                        close (prefix + "_count") [| statistics.Count |]

        let received = case["actions_received_by_inner_envs"].Items

        for copy in 0 .. count - 1 do
            let actual = instances[copy].Actions |> Seq.concat |> Seq.map float |> Array.ofSeq
            Golden.close 0.0 0.0 case "actions" received[copy].AsArray.Values actual)
