/// Evaluation neither teaches nor remembers: its episodes are those of a policy that begins anew in an environment
/// whose statistics stand still, whatever wrappers are around it and whatever was played before.
module Rl.Tests.Training.EvaluationLaws

open System
open System.Threading
open Rl.Core.Acting
open Rl.Core.Algorithms
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Training
open Rl.Core.Wrappers
open Xunit

let private wrappings: Wrapper list list =
    [
        []
        [ Wrapper.NormalizeObservation 1e-8 ]
        [ Wrapper.NormalizeReward(0.9, 1e-8); Wrapper.RecordEpisodeStatistics ]
        [
            Wrapper.TimeAwareObservation(true, true)
            Wrapper.NormalizeObservation 1e-8
            Wrapper.NormalizeReward(0.9, 1e-8)
        ]
        [ Wrapper.RandomNetworkDistillation(0.5, 1e-3, 4, 1); Wrapper.NormalizeObservation 1e-8 ]
        [ Wrapper.FrameStackObservation(3, FramePadding.Zero) ]
        [ Wrapper.DelayObservation 2; Wrapper.StickyAction(0.3, 1, 2); Wrapper.NormalizeObservation 1e-8 ]
        [ Wrapper.TimeLimit 13; Wrapper.RepeatAction 2; Wrapper.NormalizeObservation 1e-8 ]
    ]

let private make (id: string) (wrappers: Wrapper list) (copies: int) =
    Wrapper.apply wrappers ((Registry.make id).Vectorise(copies, 25))

let private layers recurrence : LayerOptions =
    {
        Design = NetworkDesign.Automatic
        Hidden = [ 8 ]
        Activation = Activation.Tanh
        SharedTrunk = false
        Convolutions = Convolutions.Automatic
        Recurrence = recurrence
        RecurrentUnits = 6
        OrthogonalInitialisation = true
        InitialLogStandardDeviation = -0.5
        StateDependentExploration = false
    }

/// A policy with large parameters, which tell observations and memories apart, and the statistics of some play.
let private modelFor (id: string) (wrappers: Wrapper list) (recurrence: RecurrentCell option) : PolicyModel =
    let training = make id wrappers 2
    training.Reset(Rng.create 1UL)
    let buffers = training.AllocateBuffers()
    let actions = Array.zeroCreate<float32>(2 * training.ActionSize)
    let mutable rng = Rng.create 2UL

    for _ in 1..40 do
        rng <- training.ActionSpace.SampleMany(rng, Span actions)
        training.StepAll(ReadOnlySpan actions, buffers)

    let network = PolicyNetwork.create (layers recurrence) training.ObservationSpace training.ActionSpace
    let struct (theta, _) = Layout.initialise (Rng.create 5UL) (ActorCritic.layout network)

    {
        Network = network.Actor
        ObservationSpace = training.ObservationSpace
        ActionSpace = training.ActionSpace
        Parameters = theta |> Array.map (fun value -> float32 (3.0 * value))
        Observations = RunningStatistics.create 0
        WrapperStatistics = training.Statistics
        Plans = None
    }

let private everyCase (law: string -> (int -> BatchEnvironment) -> PolicyModel -> unit) =
    for id in [ "CartPole-v1"; "Pendulum-v1" ] do
        for wrappers in wrappings do
            for recurrence in [ None; Some RecurrentCell.Gru; Some RecurrentCell.Lstm ] do
                let shown = String.Join(", ", wrappers)
                law $"{id} within [{shown}], {recurrence}" (make id wrappers) (modelFor id wrappers recurrence)

let private evaluate model environment episodes deterministic =
    Evaluate.run model environment episodes deterministic (Rng.create 8UL) CancellationToken.None

[<Fact>]
let ``the episodes of an evaluation are those of a policy that begins anew with each`` () =
    everyCase (fun name make model ->
        let copies, episodes = 2, 6
        let found = evaluate model (make copies) episodes true

        // The same by hand, with a new policy for every episode of every copy.
        let environment = make copies
        environment.RestoreStatistics(model.WrapperStatistics, true)
        let struct (key, _) = Rng.split (Rng.create 8UL)
        environment.Reset key
        let buffers = environment.AllocateBuffers()
        environment.Observe buffers.Observations.Span
        let fresh () = Predictor(model, 1)
        let predictors = Array.init copies (fun _ -> fresh ())
        let own = Array.init copies (fun _ -> ResizeArray<float * int>())
        let size, actionSize = environment.ObservationSize, environment.ActionSize
        let actions = Array.zeroCreate<float32>(copies * actionSize)

        while own |> Array.exists (fun list -> list.Count < episodes / copies) do
            for copy in 0 .. copies - 1 do
                let row = buffers.Observations.Slice(copy * size, size).ToArray()
                predictors[copy].Predict(ReadOnlySpan row, Span(actions, copy * actionSize, actionSize))

            environment.StepAll(ReadOnlySpan actions, buffers)

            for copy in 0 .. copies - 1 do
                if buffers.EpisodeLengths.Span[copy] > 0 then
                    predictors[copy] <- fresh ()
                    own[copy].Add((buffers.EpisodeReturns.Span[copy], buffers.EpisodeLengths.Span[copy]))

        let expected = own |> Seq.collect (Seq.take (episodes / copies)) |> Array.ofSeq
        Assert.True((expected = Array.zip found.Returns found.Lengths), $"{name}: %A{found} instead of %A{expected}"))

[<Fact>]
let ``an evaluation teaches the wrappers nothing, and the next one is the same`` () =
    everyCase (fun name make model ->
        for deterministic in [ true; false ] do
            let environment = make 3
            let first = evaluate model environment 5 deterministic

            let same =
                List.forall2
                    (fun (a: RunningStatistics) (b: RunningStatistics) -> a = b)
                    model.WrapperStatistics
                    environment.Statistics

            Assert.True(same, $"{name}: the statistics have moved")
            Assert.True((first = evaluate model environment 5 deterministic), $"{name}: another evaluation differs")
            // Nor does it matter what the environment was taught before.
            let other = make 3
            other.Reset(Rng.create 77UL)
            let buffers = other.AllocateBuffers()
            let actions = Array.zeroCreate<float32>(3 * other.ActionSize)
            let mutable rng = Rng.create 3UL

            for _ in 1..17 do
                rng <- other.ActionSpace.SampleMany(rng, Span actions)
                other.StepAll(ReadOnlySpan actions, buffers)

            Assert.True((first = evaluate model other 5 deterministic), $"{name}: what was played before shows"))
