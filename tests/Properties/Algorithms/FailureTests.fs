/// Numbers that are not finite stop training at the operation that made them, and the state before shows it again.
module Rl.Tests.Algorithms.FailureTests

open System
open System.IO
open Rl.Core.Algorithms
open Rl.Core.Environments
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Training
open Xunit

let private fails (threads: int) (learner: Workers -> Learner) =
    use workers = new Workers(threads)
    use learner = learner workers
    let mutable state = learner.Initialise(Rng.create 5UL)

    let train () =
        for _ in 1..20 do
            let struct (next, _) = learner.Transition state
            state <- next

    let failure = Assert.Throws<TrainingFailure> train
    let again = Assert.Throws<TrainingFailure>(fun () -> learner.Transition state |> ignore)
    struct (failure.Record, state, again.Record)

let private ppo changes (workers: Workers) =
    let small = [ "RolloutSteps", "32"; "MinibatchSize", "64"; "LearningRate", "1e30" ]
    Ppo.create (PpoOptions.ofPairs (small @ changes)) ((Registry.make "CartPole-v1").Vectorise 4) workers

[<Fact>]
let ``an overflow in PPO names its operation, epoch, minibatch and sample`` () =
    let struct (record, state, again) = fails 1 (ppo [])
    Assert.Equal(("ppo", 1L, 1, 2), (record.Algorithm, record.Update, record.Epoch, record.Minibatch))
    Assert.StartsWith("Square[", record.Operation)
    Assert.True(Double.IsInfinity record.Value)
    Assert.InRange(record.RolloutStep, 0, 31)
    Assert.InRange(record.Copy, 0, 3)
    Assert.Equal(0L, state.Updates)
    Assert.All(state.Parameters, (fun value -> Assert.True(Single.IsFinite value)))
    Assert.True(record.IsSameAs again)
    // The batch is there: what the operation was applied to follows from it.
    Assert.Contains(
        record.Inputs,
        (fun (name, shape, values) -> name = "observations" && shape = [| 64; 4 |] && values.Length = 256)
    )

[<Fact>]
let ``the failure is that of one thread on two, with a memory, and with the observations of a later update`` () =
    for changes in
        [
            []
            [ "Recurrence", "gru"; "RecurrentUnits", "4"; "SequenceLength", "8" ]
            [ "NormaliseObservations", "true"; "Epochs", "1" ]
        ] do
        let struct (one, _, _) = fails 1 (ppo changes)
        let struct (two, _, again) = fails 2 (ppo changes)
        Assert.True(one.IsSameAs two)
        Assert.True(two.IsSameAs again)

/// Options with which each algorithm that follows gradients leaves the numbers that are finite.
let private diverging: (string * (string * string) list) list =
    let rate = "LearningRate", "1e30"
    let valueRate = "ValueLearningRate", "1e30"

    let replayed = [ "LearningStarts", "32"; "GradientSteps", "4"; "BatchSize", "16"; "RoundSteps", "60" ]
    let critics = ("CriticLearningRate", "1e30") :: replayed
    let drawn = [ "BatchSize", "16"; "RoundSteps", "12" ]
    let recorded = ("CriticLearningRate", "1e30") :: drawn

    let modelled = [ "ModelLearningRate", "1e38"; "ModelInterval", "60"; "ModelHidden", "8"; "ModelBatchSize", "16" ]

    [
        "a2c", [ rate; "RolloutSteps", "32" ]
        "airl", [ rate; "RolloutSteps", "32"; "MinibatchSize", "64" ]
        "appo", [ rate; "RolloutSteps", "32"; "MinibatchSize", "64" ]
        "awac", recorded
        "awr", [ rate; "BatchSize", "16" ]
        "basic-mbrl", modelled
        "bc", [ rate; "BatchSize", "16" ]
        "bcq", recorded
        "bear", recorded
        "c51", rate :: replayed
        "cql", recorded
        // Layers that are normalised over batches forget the size of one row; the actor's outputs do not.
        "crossq", ("LearningRate", "1e38") :: replayed
        "crr", recorded
        "dagger", [ rate; "BatchSize", "16"; "RoundSteps", "60" ]
        "ddpg", critics
        // Normalised layers forget how large numbers are; the last one has it.
        "decision-transformer", [ "LearningRate", "1e30"; "Context", "4"; "Width", "8"; "Blocks", "1" ] @ drawn
        "deep-dyna-q", [ rate; "Loss", "squared"; "ModelInterval", "60"; "ModelHidden", "8" ] @ replayed
        "discrete-bcq", [ rate; "Loss", "squared" ] @ drawn
        "discrete-cql", [ rate; "Loss", "squared" ] @ drawn
        "dqn", [ rate; "Loss", "squared" ] @ replayed
        // Layer normalisation forgets the size of the first layer; the last one has it.
        "droq", critics
        "edac", recorded
        "filtered-bc", rate :: drawn
        "fqf", rate :: replayed
        "gail", [ rate; "RolloutSteps", "32"; "MinibatchSize", "64" ]
        "impala", [ rate ]
        "iql", recorded
        "iqn", rate :: replayed
        "mbpo", critics
        "npg", [ rate; "RolloutSteps", "32"; "Activation", "relu" ]
        "on-policy-mbrl", modelled
        "pets", modelled
        "ppg", [ rate; "RolloutSteps", "32"; "MinibatchSize", "64" ]
        "ppo", [ rate; "RolloutSteps", "32"; "MinibatchSize", "64" ]
        "pqn", [ rate; "RolloutSteps", "32"; "MinibatchSize", "64" ]
        "qrdqn", rate :: replayed
        "r2d2", rate :: [ "SequenceLength", "5"; "BurnIn", "2" ] @ replayed
        "rainbow", rate :: replayed
        // Layer normalisation forgets the size of the first layer; the last one has it.
        "rebrac", recorded
        "redq", critics
        "reinforce", [ valueRate; "EpisodesPerUpdate", "4" ]
        "sac", critics
        "sqil", critics
        "steve", critics
        "stream-ac",
        [ rate; "PolicyOvershootingFactor", "1e-30"; "ValueOvershootingFactor", "1e-30"; "RoundSteps", "60" ]
        "stream-q", [ rate; "OvershootingFactor", "1e-30"; "RoundSteps", "60" ]
        "td3", critics
        "td3-bc", recorded
        "tqc", critics
        "trpo", [ valueRate; "RolloutSteps", "32" ]
        "vmpo", [ rate; "RolloutSteps", "32" ]
        "vpg", [ valueRate; "RolloutSteps", "32" ]
        "xqc", ("LearningRate", "1e38") :: replayed
    ]

[<Fact>]
let ``every gradient learner names its failures`` () =
    let gradient = Catalogue.entries |> List.filter (fun entry -> entry.Family <> AlgorithmFamily.Search)
    Assert.Equal<string list>(gradient |> List.map _.Id, diverging |> List.map fst)

    for entry, (_, options) in List.zip gradient diverging do
        let task =
            [ "CartPole-v1"; "Pendulum-v1" ]
            |> List.map Registry.make
            |> List.find (_.ActionSpace >> entry.Suits)

        let struct (record, state, again) = fails 1 (Recordings.create entry options (task.Vectorise 4))
        Assert.Equal(entry.Id, record.Algorithm)
        Assert.False(Double.IsFinite record.Value)
        Assert.NotEmpty record.Operation
        Assert.Equal(state.Updates + 1L, record.Update)
        Assert.True(record.IsSameAs again, entry.Id)
        // Every one of these overflows where a sample is still a sample.
        Assert.True(record.RolloutStep >= 0 && record.Copy >= 0 && record.Copy < 4, $"{entry.Id}: {record.Summary}")

[<Fact>]
let ``a failure file holds the record, and says what is wrong with it`` () =
    let struct (record, _, _) = fails 1 (ppo [])
    let bytes = FailureFile.toBytes record
    Assert.True(record.IsSameAs(FailureFile.ofBytes "failure.batch" bytes))

    let refusal bytes =
        (Assert.Throws<InvalidDataException>(fun () -> FailureFile.ofBytes "failure.batch" bytes |> ignore)).Message

    Assert.Contains("not a failure file", refusal [||])
    Assert.Contains("checksum", refusal (Array.truncate (bytes.Length - 9) bytes))
    let damaged = Array.copy bytes
    damaged[bytes.Length / 2] <- damaged[bytes.Length / 2] ^^^ 1uy
    Assert.Contains("checksum", refusal damaged)
