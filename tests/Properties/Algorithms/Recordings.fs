/// Recorded episodes for learners that need them: what actions drawn at random do in the tasks of the laws.
module Rl.Tests.Algorithms.Recordings

open System
open Rl.Core.Algorithms
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning

/// The episodes of a batch's first copy in so many steps, with actions drawn uniformly from those that are possible;
/// the last is cut.
let random (environment: BatchEnvironment) (steps: int) (key: Rng) : RecordedEpisode list =
    let space, copies = environment.ActionSpace, environment.Count
    let size, width, choices = environment.ObservationSize, environment.ActionSize, space.Choices
    let buffers = environment.AllocateBuffers()
    let shown = Array.zeroCreate<float32>(copies * size)
    let actions = Array.zeroCreate<float32>(copies * width)
    let masks = Array.create (copies * choices) true
    let struct (start, rest) = Rng.split key
    let mutable key = rest
    let episodes, observations = ResizeArray(), ResizeArray<float32[]>()
    let taken, rewards = ResizeArray<float32[]>(), ResizeArray<float>()

    let close terminated =
        episodes.Add
            {
                Observations = Array.concat observations
                Actions = Array.concat taken
                Rewards = rewards.ToArray()
                Terminated = terminated
                Truncated = not terminated
            }

        observations.Clear()
        taken.Clear()
        rewards.Clear()

    environment.Reset start
    environment.Observe(Span shown)
    observations.Add shown[.. size - 1]

    for step in 1..steps do
        if environment.HasActionMasks then
            environment.ActionMasks(0, copies, Span masks)

        for copy in 0 .. copies - 1 do
            let own = ReadOnlySpan(masks, copy * choices, choices)
            key <- space.Sample(key, own, Span(actions, copy * width, width))

        environment.StepAll(ReadOnlySpan actions, buffers)
        let terminated, truncated = buffers.Terminated.Span[0], buffers.Truncated.Span[0]
        taken.Add actions[.. width - 1]
        rewards.Add(float buffers.Rewards.Span[0])

        if terminated || truncated then
            observations.Add(buffers.FinalObservations.Span.Slice(0, size).ToArray())
            close terminated
            observations.Add(buffers.Observations.Span.Slice(0, size).ToArray())
        else
            observations.Add(buffers.Observations.Span.Slice(0, size).ToArray())
            if step = steps then close false

    List.ofSeq episodes

/// The replay of episodes for a learner.
let replayFor (learner: Learner) (episodes: seq<RecordedEpisode>) : Replay =
    let environment = learner.Environment

    RecordedReplay.ofEpisodes
        environment.ObservationSpace
        environment.ActionSpace
        learner.Network.Actions
        "the data"
        episodes

/// An expert who always does the same: of choices the first that is possible, of numbers the middle of their bounds.
let expertOf (environment: BatchEnvironment) : Expert =
    let space = environment.ActionSpace
    let choices = space.Choices

    let rec answer (space: Space) (possible: bool[]) : float32 list =
        let first count start =
            [ 0 .. count - 1 ] |> List.find (fun index -> possible.Length = 0 || possible[start + index])

        match space with
        | Space.Discrete(count, start) -> [ float32 (first count 0 + start) ]
        | Space.MultiDiscrete(counts, starts) ->
            let places = Array.scan (+) 0 counts
            [ for index in 0 .. counts.Length - 1 -> float32 (first counts[index] places[index] + starts[index]) ]
        | Space.MultiBinary _ -> [ for index in 0 .. space.Size - 1 -> float32 (first 2 (2 * index)) ]
        | Space.Box(low, high, _) ->
            [ for l, h in Array.zip low high -> if l > -1e30 && h < 1e30 then float32 ((l + h) / 2.0) else 0.0f ]
        | Space.Tuple _
        | Space.Dict _ ->
            let parts = space.Parts |> List.map snd
            let places = parts |> List.map _.Choices |> List.scan (+) 0

            List.zip parts (List.take parts.Length places)
            |> List.collect (fun (part, start) ->
                answer
                    part
                    (if possible.Length = 0 then
                         [||]
                     else
                         possible[start .. start + part.Choices - 1]))

    {
        Name = "an expert of habit"
        Act =
            ExpertActions(fun rows _ masks actions ->
                for row in 0 .. rows - 1 do
                    let possible = if masks.IsEmpty then [||] else masks.Slice(row * choices, choices).ToArray()
                    (List.toArray (answer space possible)).CopyTo(actions.Slice(row * space.Size, space.Size)))
    }

/// An algorithm's learner with these options, given the episodes of 120 random steps if it learns from data, and an
/// expert if it asks one.
let create (entry: AlgorithmEntry) options (environment: BatchEnvironment) (workers: Workers) : Learner =
    let learner = entry.Create options environment workers

    if entry.NeedsExpert then
        LearnerExpert.Give(expertOf environment, learner)
    elif entry.NeedsData then
        LearnerData.Give(replayFor learner (random environment 120 (Rng.create 77UL)), learner)
    else
        learner
