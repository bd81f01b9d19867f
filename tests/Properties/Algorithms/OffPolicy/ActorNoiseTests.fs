/// What deterministic policies explore with: its spectrum, that it ends with an episode, and how far it moves actions.
module Rl.Tests.Algorithms.OffPolicy.ActorNoiseTests

#nowarn "3391" // arrays convert to spans

open System
open Rl.Core.Algorithms
open Rl.Core.Environments
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Objectives
open Rl.Tests.Algorithms
open Rl.Tests.Algorithms.Twins
open Xunit

/// The noise on actions that are 0, of one copy and one number, from its first step on; small, so that nothing is
/// clipped.
let private series (exploration: ExplorationNoise) (steps: int) (seed: uint64) : float[] =
    let deviation = 0.01

    let options =
        { NoiseOptions.defaults with
            Exploration = exploration
            ExplorationDeviation = RateSchedule.Constant deviation
        }

    let noise = ActorNoise(options, (fun _ -> deviation), 1, 1)
    let explore = noise.Explore
    let action, outputs = [| 0.0f |], [| 0.0f |]
    let mutable rng = Rng.create seed

    Array.init steps (fun _ ->
        rng <-
            explore.Invoke(
                0L,
                0,
                ReadOnlySpan outputs,
                ReadOnlySpan<float32>.Empty,
                ReadOnlySpan<bool>.Empty,
                Span action,
                rng
            )

        float action[0] / deviation)

/// The mean of |Σ x e^(−2πift)|² / T over several series.
let private power (all: float[][]) (frequency: float) : float =
    all
    |> Array.averageBy (fun x ->
        let part f = x |> Array.mapi (fun t value -> value * f (2.0 * Math.PI * frequency * float t)) |> Array.sum
        (part Math.Cos ** 2.0 + part Math.Sin ** 2.0) / float x.Length)

let private slope (points: (float * float) list) =
    let logs = points |> List.map (fun (x, y) -> log x, log y)
    let x, y = logs |> List.averageBy fst, logs |> List.averageBy snd

    (logs |> List.sumBy (fun (a, b) -> (a - x) * (b - y)))
    / (logs |> List.sumBy (fun (a, _) -> (a - x) ** 2.0))

let private frequencies = [ for k in 0..24 -> 0.001 * 10.0 ** (float k / 12.0) ]

[<Fact>]
let ``the power of pink noise falls as one over the frequency`` () =
    let exact = frequencies |> List.map (fun f -> f, PinkNoise.spectrum f)
    Assert.Equal(-1.0, slope exact, 0.05)
    // A line, not a curve: nowhere is it off by more than a tenth.
    let constant = exact |> List.averageBy (fun (f, p) -> f * p)
    Assert.All(exact, (fun (f, p) -> Assert.InRange(f * p / constant, 0.85, 1.15)))

    // The variance is the power at all frequencies.
    let total = Seq.sum (seq { for k in 0..99_999 -> PinkNoise.spectrum ((float k + 0.5) / 200_000.0) }) / 100_000.0
    Assert.Equal(1.0, total, 3)

[<Fact>]
let ``pink noise that is drawn has that power, variance 1 from its first step on, and normal noise has no colour`` () =
    let pink = Array.init 500 (fun seed -> series ExplorationNoise.Pink 512 (uint64 seed))

    for f in [ 4.0; 16.0; 64.0; 128.0; 230.0 ] |> List.map (fun k -> k / 512.0) do
        // A finite series leaks a little of its slowest parts.
        Assert.InRange(power pink f / PinkNoise.spectrum f, 0.85, 1.25)

    for step in [ 0; 1; 100; 511 ] do
        let values = pink |> Array.map (fun x -> x[step])
        Assert.InRange(Array.average values, -0.15, 0.15)
        Assert.InRange(values |> Array.averageBy (fun x -> x * x), 0.8, 1.2)

    let white = Array.init 500 (fun seed -> series ExplorationNoise.Normal 512 (uint64 seed))
    let powers = [ 4.0; 16.0; 64.0; 128.0; 230.0 ] |> List.map (fun k -> power white (k / 512.0))
    Assert.All(powers, (fun p -> Assert.InRange(p, 0.85, 1.15)))

[<Theory; InlineData("ornsteinUhlenbeck"); InlineData("pink")>]
let ``noise ends with its episode, and goes on within it from a file`` (kind: string) =
    use workers = new Workers(1)

    let make () =
        let options = [ "Exploration", kind; "ExplorationDeviation", "1"; "LearningStarts", "0"; "RoundSteps", "20" ]

        let entry = Catalogue.entries |> List.find (fun entry -> entry.Id = "td3")
        entry.Create (entry.Small @ options) (TwinTasks.numbers 5) workers

    use learner = make ()
    let mutable state = learner.Initialise(Rng.create 4UL)
    let mutable ended, lasted = 0, 0

    for _ in 1..12 do
        let struct (next, _) = learner.Transition state
        let noise = next.Array "explorationNoise" |> Array.chunkBySize ((next.Array "explorationNoise").Length / 5)
        let replay = next.Replay.Value
        let ends = replay.Columns |> List.find (fun column -> column.Name = "ends")

        for copy in 0..4 do
            if replay.Number(ends, replay.Count - 5 + copy) = 1.0f then
                ended <- ended + 1
                Assert.All(noise[copy], (fun value -> Assert.Equal(0.0f, value)))
            else
                lasted <- lasted + 1
                Assert.Contains(noise[copy], (fun value -> value <> 0.0f))

        state <- next

    Assert.True(ended > 5 && lasted > 5)
    // New episodes on the same state begin without it.
    let anew = TrainingState.startAnew (TwinTasks.numbers 5) state
    Assert.All(anew.Array "explorationNoise", (fun value -> Assert.Equal(0.0f, value)))

[<Theory; InlineData(0.05); InlineData(0.3)>]
let ``noise on parameters moves actions as far as wanted`` (deviation: float) =
    use workers = new Workers(1)

    let options =
        { Td3Options.defaults with
            Plan.TotalSteps = 6_000L
            PolicyDelay = 1
            // The actor stands still, so that the noise can settle.
            Rate.LearningRate = RateSchedule.Constant 1e-9
            Network.Hidden = [ 16 ]
            OffPolicy.GradientSteps = 1
            OffPolicy.TrainFrequency = 2
            OffPolicy.RoundSteps = 200
            Noise.Exploration = ExplorationNoise.Parameters
            Noise.ExplorationDeviation = RateSchedule.Constant deviation
            Noise.ExplorationSteps = 2
        }

    use learner = Td3.create options ((Registry.make "Pendulum-v1").Vectorise 1) workers
    let mutable state = learner.Initialise(Rng.create 6UL)
    let distances = ResizeArray<float>()

    while state.Steps < 6_000L do
        let struct (next, _) = learner.Transition state

        if state.Steps > 2_000L then
            distances.Add(sqrt (float (next.Array "parameterNoiseProgress").[2]))

        state <- next

    let median = (distances.ToArray() |> Array.sort)[distances.Count / 2]
    Assert.InRange(median / deviation, 0.5, 2.0)
    // θ itself is what it is without the noise.
    let actor = learner.Network
    Assert.Equal((Rl.Core.Acting.Actor.layout actor).Count, (state.Array "parameterNoise").Length)
    Assert.Contains(state.Array "parameterNoise", (fun value -> value <> 0.0f))
