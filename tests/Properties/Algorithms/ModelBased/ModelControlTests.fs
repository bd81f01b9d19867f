/// Loops of model-based learning: what they collect, that runs resume bit for bit, and that slide 10's loop plans.
module Rl.Tests.Algorithms.ModelBased.ModelControlTests

open System
open Rl.Core.Algorithms
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Xunit

let private small: ModelControlOptions =
    let d = ModelControlOptions.defaults

    { d with
        Model = { d.Model with Members = 3; Elites = 2; ModelHidden = [ 8 ]; ModelEpochs = 3 }
        Search = { d.Search with Horizon = 4; Population = 12; Iterations = 2 }
        Particles = 3
    }

let private control options id copies threads =
    let workers = new Workers(threads)
    ModelControl(options, (Registry.make id).Vectorise copies, workers), workers

/// The numbers of a state that what follows depends on.
let private numbers (control: ModelControl) (state: TrainingState) =
    let data = control.Data state

    Array.concat
        [
            state.Parameters
            yield! List.map snd state.Arrays
            data.Observations
            data.Actions
            data.Rewards
            data.NextObservations
        ]

let private run options copies threads (parts: int list) =
    let control, workers = control options "Pendulum-v1" copies threads
    use _ = workers
    let struct (explored, _) = control.Explore(190, control.Initialise(Rng.create 3UL))
    let struct (fitted, _) = control.Fit explored

    let planned =
        parts
        |> List.fold
            (fun state count ->
                let struct (next, _) = control.Plan(count, state)
                next)
            fitted

    let struct (fitted, _) = control.Fit planned
    numbers control fitted

[<Theory; InlineData(1, false); InlineData(2, false); InlineData(1, true)>]
let ``planning in parts is planning at once, across the end of an episode, on any number of threads``
    (copies: int)
    (isImproved: bool)
    =
    let planner = if isImproved then PlanSearch.ImprovedCrossEntropy else PlanSearch.CrossEntropy
    let options = { small with Search.Planner = planner }
    let once = run options copies 1 [ 30 ]
    Assert.Equal<float32[]>(once, run options copies 1 [ 7; 3; 13; 7 ])
    Assert.Equal<float32[]>(once, run options copies 2 [ 30 ])

[<Fact>]
let ``a state is a value: what follows it can be run again by another object`` () =
    let first, workers = control small "Pendulum-v1" 1 1
    use _ = workers
    let struct (state, _) = first.Explore(60, first.Initialise(Rng.create 3UL))
    let struct (state, _) = first.Fit state
    let struct (middle, _) = first.Plan(10, state)
    let struct (expected, _) = first.Plan(10, middle)
    let other, others = control small "Pendulum-v1" 1 1
    use _ = others
    other.Initialise(Rng.create 99UL) |> ignore
    let struct (again, _) = other.Plan(10, middle)
    Assert.Equal<float32[]>(numbers first expected, numbers other again)

[<Fact>]
let ``data are aggregated, each next observation is where the next step begins, and episodes are told`` () =
    let control, workers = control small "Pendulum-v1" 1 1
    use _ = workers
    let struct (state, returns) = OnPolicyMbrl.run control 200 2 200 (Rng.create 1UL)
    let data = control.Data state
    Assert.Equal(600, data.Count)
    Assert.Equal(600L, state.Steps)
    Assert.Equal<int list>([ 1; 1 ], returns |> List.map List.length)

    for turn in 1..2 do
        let rewards = data.Rewards[turn * 200 .. turn * 200 + 199] |> Array.sumBy float
        Assert.Equal(rewards, returns[turn - 1].Head, 1e-3)

    for row in 0..598 do
        // Episodes have 200 steps.
        if row % 200 <> 199 then
            Assert.Equal<float32[]>(
                data.NextObservations[3 * row .. 3 * row + 2],
                data.Observations[3 * row + 3 .. 3 * row + 5]
            )

    // What follows an episode's last step is its own last state, not the next one's first.
    for row in [ 199; 399 ] do
        Assert.NotEqual<float32[]>(
            data.NextObservations[3 * row .. 3 * row + 2],
            data.Observations[3 * row + 3 .. 3 * row + 5]
        )

        let turn = data.NextObservations[3 * row + 2] - data.Observations[3 * row + 2]
        Assert.InRange(turn, -1.1f, 1.1f)

    Assert.All(data.Actions, (fun action -> Assert.InRange(action, -2.0f, 2.0f)))
    Assert.All(data.Continues, (fun continues -> Assert.Equal(1.0f, continues)))

[<Fact>]
let ``rows of several copies are theirs, and each copy goes on where it stood`` () =
    let control, workers = control small "Pendulum-v1" 2 1
    use _ = workers
    let struct (state, episodes) = control.Explore(201, control.Initialise(Rng.create 1UL))
    let struct (state, _) = control.Fit state
    let struct (state, _) = control.Plan(3, state)
    let data = control.Data state
    Assert.Equal(408, data.Count)
    Assert.Equal<int list>([ 200; 200 ], episodes |> List.map _.Length)

    for step in 0..202 do
        for copy in 0..1 do
            if step <> 199 then
                let row, next = 2 * step + copy, 2 * step + 2 + copy

                Assert.Equal<float32[]>(
                    data.NextObservations[3 * row .. 3 * row + 2],
                    data.Observations[3 * next .. 3 * next + 2]
                )

[<Fact>]
let ``the plan of an episode that is over is forgotten, that of one that goes on is not`` () =
    let control, workers = control small "Pendulum-v1" 1 1
    use _ = workers
    let struct (state, _) = control.Explore(190, control.Initialise(Rng.create 3UL))
    let struct (state, _) = control.Fit state
    // The first of the numbers is that of the elites, without which a search begins anew.
    let struct (during, _) = control.Plan(9, state)
    Assert.Equal(2.0f, (during.Array ArrayNames.Plans)[0])
    let struct (after, ended) = control.Plan(10, state)
    Assert.Equal(1, ended.Length)
    Assert.Equal(0.0f, (after.Array ArrayNames.Plans)[0])

[<Fact>]
let ``PETS counts its steps and fits as often as it says`` () =
    let options = { small with Model.ModelInterval = 40 }
    let control, workers = control options "CartPoleSwingUp-v0" 1 1
    use _ = workers
    let struct (state, returns) = Pets.run control options 200 430 (Rng.create 1UL)
    Assert.Equal(430L, state.Steps)
    // 230 planned steps: five fits before 40 steps each, one before the last 30.
    Assert.Equal(6L, state.Updates)
    Assert.Equal(1, returns.Length)
    let struct (steps, _) = returns.Head
    Assert.Equal(400L, steps)

[<Fact>]
let ``basic model-based learning swings the pendulum up from a thousand random steps`` () =
    let options =
        { ModelControlOptions.ofSlides with
            Model.ModelHidden = [ 32; 32 ]
            Model.ModelEpochs = 60
            Search.Horizon = 15
            Search.Population = 60
            Search.Iterations = 3
        }

    let control, workers = control options "Pendulum-v1" 1 2
    use _ = workers
    let struct (state, returns) = BasicMbrl.run control 1_000 200 (Rng.create 1UL)
    // A random policy has about −1,200; what is planned is not learnt from.
    Assert.True(returns.Head > -500.0, $"{returns.Head}")
    Assert.Equal(1L, state.Updates)

[<Fact>]
let ``what cannot be planned in is refused by name`` () =
    let refused options id (part: string) =
        use workers = new Workers(1)
        let make () = ModelControl(options, (Registry.make id).Vectorise 1, workers) |> ignore
        let error = Assert.Throws<ArgumentException> make
        Assert.Contains(part, error.Message)

    refused small "FrozenLake-v1" "a model learns from a Box"
    refused { small with Model.Elites = 1 } "Pendulum-v1" "use at least 2 elites"
    let control, workers = control small "Pendulum-v1" 1 1
    use _ = workers
    let start = control.Initialise(Rng.create 1UL)
    let early = Assert.Throws<ArgumentException>(fun () -> control.Plan(5, start) |> ignore)
    Assert.Contains("never fitted", early.Message)
    let empty = Assert.Throws<ArgumentException>(fun () -> control.Fit start |> ignore)
    Assert.Contains("no data", empty.Message)

[<Fact>]
let ``errors grow with the horizon as those of a model that drifts`` () =
    // A model that adds 1 a step, of a world that adds 3: h steps on it is wrong by 2 h.
    let network = ModelNetwork.create Activation.Tanh 2 2 [] 1 false true false
    let parameters _ : ReadOnlyMemory<float32> = ReadOnlyMemory [| 0.0f; 0.0f; 1.0f |]

    let episode: RecordedEpisode =
        {
            Observations = Array.init 41 (fun t -> 3.0f * float32 t)
            Actions = Array.zeroCreate 40
            Rewards = Array.zeroCreate 40
            Terminated = false
            Truncated = true
        }

    use workers = new Workers(1)
    let frame = ModelFrame.identity 2 1
    let errors = ModelErrors.byHorizon network frame [| 0; 1 |] parameters 5 [ episode; episode ] workers
    // 3 times the deviation of 0 … 39.
    let deviation = 3.0 * Math.Sqrt((40.0 * 40.0 - 1.0) / 12.0)
    errors |> Array.iteri (fun h error -> Assert.Equal(2.0 * float (h + 1) / deviation, error, 1e-5))

    let short =
        Assert.Throws<ArgumentException>(fun () ->
            ModelErrors.byHorizon network frame [| 0 |] parameters 41 [ episode ] workers |> ignore)

    Assert.Contains("none of the 1 episodes has as many steps", short.Message)
