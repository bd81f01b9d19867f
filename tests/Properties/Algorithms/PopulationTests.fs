/// The gradient-free methods: how candidates are judged, ranked and combined.
[<FsCheck.Xunit.Properties(Replay = "(4719047,4719049)")>]
module Rl.Tests.Algorithms.PopulationTests

open System
open System.Collections.Generic
open FsCheck.Xunit
open Rl.Core.Acting
open Rl.Core.Algorithms
open Rl.Core.Distributed
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Training
open Rl.Core.Wrappers
open Xunit
open FsCheck

let private values (array: NonEmptyArray<NormalFloat>) = array.Get |> Array.map _.Get

[<Property>]
let ``centred ranks lie in ±½, add up to 0 and keep the order`` (array: NonEmptyArray<NormalFloat>) =
    let values = values array
    let ranks = Es.centredRanks values
    let ordered i j = (values[i] < values[j]) = (ranks[i] < ranks[j])
    let indices = [ 0 .. values.Length - 1 ]

    Array.forall (fun rank -> abs rank <= 0.5) ranks
    && abs (Array.sum ranks) < 1e-9
    && List.forall (fun i -> List.forall (ordered i) indices) indices

[<Property>]
let ``centred ranks do not know how far apart values are`` (array: NonEmptyArray<NormalFloat>) =
    let values = values array |> Array.map (fun value -> float (int (value % 20.0)))
    Es.centredRanks values = Es.centredRanks (values |> Array.map (fun value -> exp value + 3.0))

[<Fact>]
let ``the best of many has rank ½, the worst -½`` () =
    Assert.Equal<float[]>([| 0.5; -0.5; 0.0 |], Es.centredRanks [| 9.0; -4.0; 1.0 |])
    Assert.Equal<float[]>([| 0.0; 0.0 |], Es.centredRanks [| 3.0; 3.0 |])

let private plain: Part = { First = 0; Layout = Layout [||] }

let private seedsOf policy spread directions : CandidateSeeds =
    { Policy = policy; Spread = spread; Directions = directions; Key = Rng.create 3UL; Frozen = [] }

let private vectors (candidates: ICandidates) length = Array.init candidates.Count (Candidates.vector candidates length)

[<Fact>]
let ``mirrored candidates lie on both sides of the policy`` () =
    let seeds = seedsOf [| 1.0f; 2.0f |] (CandidateSpread.Mirrored 0.5) 2
    let candidates = vectors (Candidates.along seeds [| [| 2.0f; -4.0f |]; [| 1.0f; 1.0f |] |]) 2
    Assert.Equal<float32[][]>([| [| 2.0f; 0.0f |]; [| 0.0f; 4.0f |]; [| 1.5f; 2.5f |]; [| 0.5f; 1.5f |] |], candidates)

[<Fact>]
let ``candidates around a policy have a deviation of their own for each parameter`` () =
    let seeds = seedsOf [| 1.0f; 2.0f |] (CandidateSpread.Around [| 3.0f; 0.5f |]) 2
    let candidates = vectors (Candidates.along seeds [| [| 2.0f; -4.0f |]; [| 1.0f; 1.0f |] |]) 2
    Assert.Equal<float32[][]>([| [| 7.0f; 0.0f |]; [| 4.0f; 2.5f |] |], candidates)

[<Property>]
let ``candidates that are drawn when they are asked for are those along the directions of all, frozen ones too``
    (key: uint64)
    (PositiveInt directions)
    (isMirrored: bool)
    (isFrozen: bool)
    =
    use workers = new Workers(2)
    let network = Search.network (NetworkOptions.defaults [ 3 ]) ((Registry.make "CartPole-v1").Vectorise 1)
    let part = Part.mode network
    let n = part.Layout.Count
    let block = part.Layout.Blocks |> Seq.item 1

    let seeds =
        { seedsOf
              (Array.init n (fun i -> 0.001f * float32 i))
              (if isMirrored then
                   CandidateSpread.Mirrored 0.3
               else
                   CandidateSpread.Around(Array.init n (fun i -> 1.0f / float32 (i + 1))))
              directions with
            Key = Rng.create key
            Frozen =
                if isFrozen then
                    [ { Name = block.Name; First = part.First + block.Offset; Count = block.Count } ]
                else
                    []
        }

    let struct (all, _) = Candidates.directions workers part seeds
    let drawn = vectors (Candidates.drawn part seeds) n
    let isStill (vector: float32[]) = vector[block.Offset] = seeds.Policy[block.Offset]

    drawn = vectors (Candidates.along seeds all) n
    && drawn.Length = (if isMirrored then 2 * directions else directions)
    && Array.forall (fun vector -> isStill vector = isFrozen) drawn

[<Fact>]
let ``the directions of a key do not depend on the threads, and are standard normal`` () =
    let seeds = seedsOf (Array.zeroCreate 5000) (CandidateSpread.Mirrored 1.0) 7

    let draw threads =
        use workers = new Workers(threads)
        let struct (directions, next) = Candidates.directions workers plain seeds
        directions, next

    let one, next = draw 1
    let three, next' = draw 3
    Assert.Equal<float32[][]>(one, three)
    Assert.Equal(next, next')
    let all = one |> Array.concat |> Array.map float
    Assert.Equal(0.0, Array.average all, 0.02)
    Assert.Equal(1.0, Search.deviation all, 0.02)
    Assert.NotEqual<float32[]>(one[0], one[1])

let private options hidden : NetworkOptions =
    { NetworkOptions.defaults hidden with
        Activation = Activation.Tanh
        ActionScaling = ActionScaling.Bounds
    }

/// Candidates that are given, as directions from 0.
let private given (candidates: float32[][]) : struct (CandidateSeeds * float32[][]) =
    let n = candidates[0].Length

    struct (seedsOf (Array.zeroCreate n) (CandidateSpread.Around(Array.create n 1.0f)) candidates.Length, candidates)

let private evaluate id copies (candidates: float32[][]) hidden episodes maxSteps bonus threads =
    use workers = new Workers(threads)
    let environment = (Registry.make id).Vectorise(copies: int)
    let network = Search.network (options hidden) environment
    let trial = { Episodes = episodes; MaxEpisodeSteps = maxSteps; Bonus = bonus }
    let population = Population(network, environment, trial, workers)
    let state = (Search.start network environment false true).Initialise [] (Rng.create 8UL)
    let struct (seeds, directions) = given candidates
    network, state, population.Evaluate(state, seeds, directions)

[<Fact>]
let ``a candidate's fitness is the mean return of its policy in its copy`` () =
    // Push towards the side to which the pole leans: two linear policies, in two copies of their own.
    let left = [| 0f; 0f; 0f; 0f; -1f; 1f; -0.5f; 0.5f; 0f; 0f |]
    let right = left |> Array.map (fun value -> -value)
    let network, state, result = evaluate "CartPole-v1" 2 [| left; right; right |] [] 3 10_000 0.0 1
    let environment = (Registry.make "CartPole-v1").Vectorise 2
    environment.Restore state.Environments
    let part = Part.mode network

    let model (candidate: float32[]) =
        let theta = Array.copy state.Parameters
        candidate.CopyTo(Part.elements part theta)

        {
            Network = network
            ObservationSpace = environment.ObservationSpace
            ActionSpace = environment.ActionSpace
            Parameters = theta
            Observations = state.Observations
            WrapperStatistics = []
            Plans = None
        }

    // Copy 0 plays candidates 0 and 2, copy 1 candidate 1, three episodes each.
    let buffers = environment.AllocateBuffers()
    environment.Observe buffers.Observations.Span
    let actions = Array.zeroCreate<float32> 2
    let ends = [| List<float>(); List<float>() |]

    while ends[0].Count < 6 || ends[1].Count < 3 do
        let playing = [| (if ends[0].Count < 3 then left else right); right |]

        for copy in 0..1 do
            let predictor = Predictor(model playing[copy], 1)
            predictor.Predict(Span.op_Implicit (buffers.Observations.Span.Slice(4 * copy, 4)), Span(actions, copy, 1))

        environment.StepAll(ReadOnlySpan actions, buffers)

        for copy in 0..1 do
            if buffers.EpisodeLengths.Span[copy] > 0 then
                ends[copy].Add(buffers.EpisodeReturns.Span[copy])

    let mean (episodes: List<float>) first = episodes |> Seq.skip first |> Seq.take 3 |> Seq.average
    Assert.Equal<float[]>([| mean ends[0] 0; mean ends[1] 0; mean ends[0] 3 |], result.Fitness)
    Assert.Equal(9, result.Episodes.Length)
    Assert.Equal(result.Episodes |> Array.sumBy (fun episode -> int64 episode.Length), result.State.Steps)

[<Fact>]
let ``an episode counts for no more than its limit, less the bonus of each step`` () =
    let still = Array.zeroCreate<float32> 10
    let _, _, result = evaluate "CartPole-v1" 1 [| still; still |] [] 1 4 0.25 1
    Assert.Equal<float[]>([| 3.0; 3.0 |], result.Fitness)
    Assert.Equal(8L, result.State.Steps)

[<Fact>]
let ``observations are taken in by the statistics, the same on any number of threads`` () =
    let run threads =
        use workers = new Workers(threads)
        let environment = (Registry.make "Pendulum-v1").Vectorise 3
        let network = Search.network (options []) environment
        let population = Population(network, environment, { Episodes = 1; MaxEpisodeSteps = 50; Bonus = 0.0 }, workers)

        let state = (Search.start network environment true true).Initialise [] (Rng.create 8UL)
        let struct (seeds, directions) = given (Array.init 7 (fun _ -> Array.zeroCreate 4))
        population.Evaluate(state, seeds, directions)

    let one, three = run 1, run 3
    Assert.Equal(350.0, one.State.Observations.Count)
    Assert.Equal<float[]>(one.State.Observations.Mean, three.State.Observations.Mean)
    Assert.Equal<float[]>(one.Fitness, three.Fitness)

[<Property(MaxTest = 20)>]
let ``shares of copies bring what all copies bring together``
    (key: uint64)
    (PositiveInt directions)
    (cut: byte)
    (observes: bool)
    =
    use workers = new Workers(1)
    let copies = 5
    let first = 1 + int cut % (copies - 1)
    let make (number: int) = (Registry.make "CartPole-v1").Vectorise number
    let environment = make copies
    let network = Search.network (options [ 3 ]) environment
    let part = Part.mode network
    let trial = { Episodes = 2; MaxEpisodeSteps = 30; Bonus = 0.25 }
    let state = (Search.start network environment observes false).Initialise [] (Rng.create key)
    let seeds = Candidates.seeds part state directions (CandidateSpread.Mirrored 2.0)
    let candidates = Candidates.drawn part seeds
    let whole = Judges(network, environment, trial, workers).Judge(state, candidates, 0, copies)

    let sizes =
        match environment.CopyBytes with
        | Ok sizes -> sizes
        | Error reason -> failwith reason

    let share first number =
        let own =
            { state with
                ActionKeys = Array.sub state.ActionKeys first number
                Environments =
                    { state.Environments with
                        Count = number
                        Bytes = SnapshotBytes.cut sizes copies first number state.Environments.Bytes
                    }
            }

        Judges(network, make number, trial, workers).Judge(own, candidates, first, copies)

    // What travels between processes is what the learner takes in.
    let work = CandidateWork(trial, state, seeds)
    let bytes = Array.copy state.Environments.Bytes

    let take first number =
        let judged = share first number
        let output = BinaryOut()
        CandidateRows.write copies first number judged output
        let written = output.ToArray()
        let input = BinaryIn(written, 0, written.Length, id)
        let steps = (work :> IRoundWork).Read (first, number, input) ()
        input.End()
        SnapshotBytes.paste sizes copies first number judged.Acted.Environments.Bytes bytes
        steps

    let steps = take first (copies - first) + take 0 first

    let told (result: CandidateResult) = result.Total, result.Steps, Seq.toList result.Ended

    steps = (whole.Results |> Array.sumBy (fun result -> int64 result.Steps))
    && Array.map told work.Results = Array.map told whole.Results
    && work.Seen = whole.Seen
    && bytes = whole.Acted.Environments.Bytes

[<Fact>]
let ``the cross-entropy method keeps the elite's mean and deviation`` () =
    // One copy, two of two policies: the elite is the whole population.
    use workers = new Workers(1)
    let pairs = [ "Population", "2"; "EliteFraction", "1"; "MaxEpisodeSteps", "5" ]
    use learner = Cem.create (CemOptions.ofPairs pairs) ((Registry.make "CartPole-v1").Vectorise 1) workers
    let state = learner.Initialise(Rng.create 6UL)
    let part = Part.mode learner.Network
    let seeds = Candidates.seeds part state 2 (CandidateSpread.Mirrored 1.0)
    let struct (noise, _) = Candidates.directions workers part seeds
    let struct (next, _) = learner.Transition state
    let mean = (Part.elements part next.Parameters).ToArray()

    for i in 0..9 do
        let a, b = float (noise[0][i]), float (noise[1][i])
        Assert.Equal((a + b) / 2.0, float mean[i], 1e-6)
        Assert.Equal(abs (a - b) / 2.0, float ((next.Array "deviation").[i]), 1e-6)

[<Fact>]
let ``a candidate whose episode is cut leaves the next one a fresh episode`` () =
    let still = Array.zeroCreate<float32> 10
    let environment = (Registry.make "CartPole-v1").Vectorise 1
    let _, _, result = evaluate "CartPole-v1" 1 [| still; still; still |] [] 2 4 0.0 1
    Assert.Equal<float[]>([| 4.0; 4.0; 4.0 |], result.Fitness)
    Assert.Equal(24L, result.State.Steps)
    // At rest but for the ±0.05 that an episode begins with; four steps to the left would have speeded it up by 0.8.
    environment.Restore result.State.Environments
    let observation = Array.zeroCreate<float32> 4
    environment.Observe(Span observation)
    Assert.All(observation, (fun value -> Assert.InRange(abs value, 0.0f, 0.05f)))

[<Fact>]
let ``learners, evaluations and playback refuse autoreset in the next step`` () =
    use workers = new Workers(1)
    let batch copies = Wrapper.wrap ((Registry.make "CartPole-v1").Vectorise(copies: int)) Wrapper.NextStepAutoreset

    let refused (action: unit -> unit) =
        let error = Assert.Throws<ArgumentException> action
        Assert.Contains("NextStepAutoreset", error.Message)

    refused (fun () -> Cem.create (CemOptions.ofPairs []) (batch 2) workers |> ignore)
    refused (fun () -> Reinforce.create (ReinforceOptions.ofPairs []) (batch 2) workers |> ignore)
    refused (fun () -> A2c.create (A2cOptions.ofPairs []) (batch 2) workers |> ignore)
    let player = Playback.atRandom (Space.discrete 2)
    refused (fun () -> Seq.length (Playback.run player (batch 1) 1 (Rng.create 1UL)) |> ignore)
