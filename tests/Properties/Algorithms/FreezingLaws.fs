/// The laws of freezing: whatever learns, frozen blocks keep their bits and are constants to all that moves.
module Rl.Tests.Algorithms.FreezingLaws

open System
open Rl.Core.Acting
open Rl.Core.Algorithms
open Rl.Core.Autodiff
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Optimisers
open Rl.Core.Training
open Rl.Tests.Learning.UpdateRegression
open Xunit

/// An algorithm, a task, options besides.
let private places: (string * string * (string * string) list) list =
    [
        for entry in Catalogue.entries do
            let id =
                [ "Pendulum-v1"; "CartPole-v1" ]
                |> List.find (fun id -> entry.Suits (LearnerLaws.environment id).ActionSpace)

            let cut = entry.Options |> List.exists (fun option -> option.Name = "MaxEpisodeSteps")
            entry.Id, id, (if cut then [ "MaxEpisodeSteps", "30" ] else [])
        "dqn", "CartPole-v1", [ "NoisyNetworks", "factorised"; "Hidden", "8x6"; "Optimiser", "muon" ]
        "ppo", "CartPole-v1", [ "SharedTrunk", "true"; "Hidden", "8x6"; "WeightConstraint", "spectralNorm" ]
        "ppo", "Spot-v0", [ "Hidden", "8"; "Optimiser", "muon"; "WeightConstraint", "unitNorm" ]
        "ppo", "CartPole-v1", [ "Recurrence", "lstm"; "RecurrentUnits", "6"; "SequenceLength", "8" ]
        "cem", "CartPole-v1", [ "Hidden", "8" ]
        "ars", "CartPole-v1", [ "Hidden", "8" ]
        "sac", "CartPole-v1", []
    ]

let rows: TheoryData<int> =
    let data = TheoryData<int>()
    places |> List.iteri (fun index _ -> data.Add index)
    data

let private make row threads =
    let algorithm, id, besides = places[row]
    let workers = new Workers(threads)
    LearnerLaws.make algorithm besides id 3 workers, workers

let private values (layout: Layout) name (theta: float32[]) =
    let block = layout[name]
    Array.sub theta block.Offset block.Count

/// The state with every other block frozen, beginning with the first or the second.
let private withHalf first (learner: Learner) (state: TrainingState) =
    learner.Layout.Blocks
    |> Seq.indexed
    |> Seq.filter (fun (index, _) -> index % 2 = first)
    |> Seq.fold (fun state (_, block) -> NamedParameters.freeze block.Name learner.Layout state) state

[<Theory; MemberData(nameof rows)>]
let ``frozen blocks keep their bits, and blocks that are not move as they did`` (row: int) =
    let learner, workers = make row 2
    use _ = workers
    use learner = learner
    let start, _ = LearnerLaws.run learner (learner.Initialise(Rng.create 5UL)) 2

    let moved (a: TrainingState) (b: TrainingState) name =
        values learner.Layout name a.Parameters <> values learner.Layout name b.Parameters

    let free, _ = LearnerLaws.run learner start 3

    for first in 0..1 do
        let frozen = withHalf first learner start
        let next, _ = LearnerLaws.run learner frozen 3
        Assert.Equal<FrozenBlock list>(frozen.Frozen, next.Frozen)

        for block in learner.Layout.Blocks do
            let isFrozen = next.Frozen |> List.exists (fun frozen -> frozen.Name = block.Name)

            if isFrozen then
                Assert.False(moved start next block.Name, block.Name)
            elif moved start free block.Name then
                Assert.True(moved start next block.Name, block.Name)

[<Theory; MemberData(nameof rows)>]
let ``where all is frozen optimisers keep what they know`` (row: int) =
    let learner, workers = make row 1
    use _ = workers
    use learner = learner
    let start, _ = LearnerLaws.run learner (learner.Initialise(Rng.create 5UL)) 2
    let frozen = NamedParameters.freeze "*" learner.Layout start
    let next, _ = LearnerLaws.run learner frozen 2
    Assert.Equal<float32[]>(start.Parameters, next.Parameters)

    // Temperatures, multipliers and PPG's auxiliary head lie beside θ and go on learning.
    let beside =
        start.Arrays
        |> List.sumBy (fun (name, values) ->
            if List.contains name [ "auxiliaryHead"; "multipliers" ] then
                values.Length
            else
                0)

    for name, values in start.Arrays do
        let isMoment = name.EndsWith "Moment" || name.EndsWith "singularVectors" || name = "deviation"

        // A discriminator lies beside θ, with an optimiser of its own.
        if isMoment && values.Length > 8 && not (name.StartsWith Discriminator.Group) then
            let ofTheta (values: float32[]) = Array.truncate (values.Length - beside) values
            Assert.Equal<float32[]>(ofTheta values, ofTheta (next.Array name))

[<Theory; MemberData(nameof rows)>]
let ``frozen and unfrozen again it learns as if nothing had been`` (row: int) =
    let learner, workers = make row 1
    use _ = workers
    use learner = learner
    let start, _ = LearnerLaws.run learner (learner.Initialise(Rng.create 5UL)) 1
    let expected, _ = LearnerLaws.run learner start 2
    let frozen = NamedParameters.freeze "*" learner.Layout start
    LearnerLaws.run learner frozen 1 |> ignore
    let unfrozen = NamedParameters.unfreeze "*" learner.Layout frozen
    Assert.Empty unfrozen.Frozen
    let again, _ = LearnerLaws.run learner unfrozen 2
    Assert.Equal<float32[]>(expected.Parameters, again.Parameters)

[<Theory; MemberData(nameof rows)>]
let ``run (n + m) = resume (run n) m with frozen blocks, on any number of threads`` (row: int) =
    let learner, workers = make row 1
    use _ = workers
    use learner = learner
    let start = learner.Initialise(Rng.create 3UL)
    let start = withHalf 1 learner start
    let whole, _ = LearnerLaws.run learner start 3
    let part, _ = LearnerLaws.run learner start 1
    // A learner that has seen nothing: all it knows is the state.
    let other, others = make row 3
    use _ = others
    use other = other
    let resumed, _ = LearnerLaws.run other part 2
    Assert.Equal<float32[]>(whole.Parameters, resumed.Parameters)
    Assert.Equal<(string * float32[]) list>(whole.Arrays, resumed.Arrays)

let private optimisers: (string * Transform) list =
    let rate = Schedule.constant 0.05

    [
        "adam", Optimiser.adam rate 1e-8
        "adamW", Optimiser.adamW rate 0.9 0.999 1e-8 0.3 false
        "sgd with momentum and decay", Optimiser.sgd rate 0.9 0.0 true 0.2
        "clipped by the norm", Optimiser.clipped 0.01 (Optimiser.sgd rate 0.0 0.0 false 0.0)
        "rmsProp", Optimiser.rmsProp rate 0.9 1e-8 0.0 0.5 true
    ]

let optimiserNames: TheoryData<string> =
    let data = TheoryData<string>()
    optimisers |> List.iter (fst >> data.Add)
    data

/// v, w and u [2] as one group, but for those that are numbers of the loss, moved some times from where all three start
/// by the errors of w + u ∘ v, with one block frozen or none: where each block ends, and the last norm of the gradient.
let private regression (numbers: string list) (frozen: string list) transform limit (start: Map<string, float32[]>) =
    let names = [ "v"; "w"; "u" ] |> List.except numbers

    let layout =
        names
        |> List.fold (fun layout name -> Layout.add name [| 2 |] (Initialiser.Constant 0.0) layout) Layout.empty

    let loss (batch: Batch) =
        let block name =
            if List.contains name numbers then
                Expr.vector (start[name] |> Seq.map float)
            else
                batch.Block("all", name)

        let weight = Expr.reshape [| 2; 1 |] (block "w" + block "u" * block "v")
        [ Term.mean "error" 1.0 (Expr.square (Expr.squeeze -1 (Expr.matmul batch[x] weight) - batch[y])) ]

    let part: Part = { First = 0; Layout = layout }
    let group = ParameterGroup.ofPart "all" part (GroupMotion.Learns("optimiser", transform))
    let update = Update.create (plan [ group ] limit 200 loss)
    let xs, ys = data 200
    use workers = new Workers(1)
    let theta = names |> List.map (fun name -> start[name]) |> Array.concat

    let state =
        List.fold
            (fun state name -> NamedParameters.freeze name layout state)
            { stateOf update with Parameters = theta }
            frozen

    let draft = Draft state
    update.Load draft
    update.ChooseAll(Samples.OfRollout(1, [ x, xs; y, ys ]))

    for _ in 1..7 do
        update.Run workers

    update.Store draft
    let after = (draft.Onto state).Parameters
    (fun name -> values layout name after), update.Scalar "gradientNorm"

[<Theory; MemberData(nameof optimiserNames)>]
let ``a frozen block is a constant of the loss, to the norm and to the optimiser too`` (name: string) =
    let transform = List.find (fst >> (=) name) optimisers |> snd
    let start = Map [ "v", [| 0.7f; -1.3f |]; "w", [| 0.2f; 0.4f |]; "u", [| 0.5f; -0.6f |] ]

    // The first block, one between others that move, and the last.
    for frozen in [ "v"; "w"; "u" ] do
        for limit in [ 0.0; 0.05 ] do
            let actual, norm = regression [] [ frozen ] transform limit start
            let expected, constant = regression [ frozen ] [] transform limit start
            Assert.Equal(constant, norm, 1e-6)
            Assert.Equal<float32[]>(start[frozen], actual frozen)

            for other in [ "v"; "w"; "u" ] |> List.except [ frozen ] do
                Assert.NotEqual<float32[]>(start[other], actual other)

                Array.iter2
                    (fun (a: float32) (b: float32) -> Assert.Equal(float a, float b, 1e-6))
                    (expected other)
                    (actual other)

[<Fact>]
let ``a frozen actor leaves the critic's steps, which share its optimiser, as they are`` () =
    use workers = new Workers(1)
    let options = [ "MaxGradientNorm", "0"; "NormaliseAdvantages", "false" ]
    use learner = LearnerLaws.make "ppo" options "CartPole-v1" 3 workers
    let start = learner.Initialise(Rng.create 5UL)
    let free, _ = LearnerLaws.run learner start 1
    let next, reports = LearnerLaws.run learner (NamedParameters.freeze "actor/" learner.Layout start) 1
    let critic = NamedParameters.matching "critic/" learner.Layout

    for name in critic do
        Assert.Equal<float32[]>(values learner.Layout name free.Parameters, values learner.Layout name next.Parameters)

    // π = π_old as long as nothing moves it.
    let struct (_, kl) = reports.Head.Metrics |> Array.find (fun (struct (name, _)) -> name = "approximateKl")
    Assert.Equal(0.0, kl)

[<Fact>]
let ``an algorithm that moves a frozen block fails and says which`` () =
    use workers = new Workers(1)
    let environment = (LearnerLaws.environment "CartPole-v1").Vectorise 1
    let network = Actor.create Activation.Tanh 4 [ 3 ] (Policy.headFor 0.0 environment.ActionSpace)

    use learner =
        Learner.ofFunctions
            {
                Algorithm = "careless"
                Environment = environment
                Network = network
                Options = []
                TotalSteps = 10L
                Arrays = []
                Start = Learners.start (Actor.layout network) environment false false
                Collect = ignore
                Learn =
                    fun state () ->
                        let moved = { state with Parameters = Array.map ((+) 1.0f) state.Parameters }
                        struct (moved, { Steps = 1L; Updates = 1L; Episodes = [||]; Metrics = [||] })
            }

    let start = learner.Initialise(Rng.create 1UL)
    learner.Transition start |> ignore
    let frozen = NamedParameters.freeze "actor/0/bias" learner.Layout start
    let error = Assert.Throws<InvalidOperationException>(fun () -> learner.Transition frozen |> ignore)
    Assert.Contains("actor/0/bias", error.Message)
    Assert.Contains("careless", error.Message)

[<Fact>]
let ``files hold what is frozen`` () =
    use workers = new Workers(1)
    use learner = LearnerLaws.make "ppo" [] "CartPole-v1" 2 workers
    let start = learner.Initialise(Rng.create 1UL)

    let checkpoint state : Checkpoint =
        {
            Algorithm = "ppo"
            EnvironmentId = "CartPole-v1"
            Seed = 1UL
            ObservationSpace = learner.Environment.ObservationSpace
            ActionSpace = learner.Environment.ActionSpace
            Network = learner.Network
            Options = learner.Options
            Notes = []
            Wrapping = Wrapping.ofBatch learner.Environment
            State = state
        }

    let plain = Checkpoint.toBytes (checkpoint start)
    Assert.Empty (Checkpoint.ofBytes "plain.rl" plain).State.Frozen
    let frozen = NamedParameters.freeze "*/bias" learner.Layout start
    let bytes = Checkpoint.toBytes (checkpoint frozen)
    let read = Checkpoint.ofBytes "frozen.rl" bytes
    Assert.Equal<FrozenBlock list>(frozen.Frozen, read.State.Frozen)
    Checkpoint.requireFit "frozen.rl" learner read
    let strange = { read with State.Frozen = [ { Name = "nobody"; First = 0; Count = 1 } ] }

    let error = Assert.Throws<IO.InvalidDataException>(fun () -> Checkpoint.requireFit "frozen.rl" learner strange)

    Assert.Contains("nobody", error.Message)

[<Fact>]
let ``patterns mean names, prefixes and any letters, and unknown ones name the nearest`` () =
    let layout = Actor.layout (Actor.create Activation.Tanh 4 [ 3 ] (CategoricalPolicy.create 2))
    let names = layout.Blocks |> Seq.map _.Name |> Seq.toList
    Assert.Equal<string list>(names, NamedParameters.matching "*" layout)
    Assert.Equal<string list>(names, NamedParameters.matching "actor/" layout)
    Assert.Equal<string list>([ "actor/0/bias" ], NamedParameters.matching "actor/0/bias" layout)

    Assert.Equal<string list>(
        names |> List.filter (fun name -> name.EndsWith "/bias"),
        NamedParameters.matching "*/bias" layout
    )

    let refused pattern =
        Assert.Throws<ArgumentException>(fun () -> NamedParameters.matching pattern layout |> ignore).Message

    Assert.Contains("actor/0/weight", refused "actor/0/wieght")
    Assert.Contains("prefix", refused "actor")
