/// What critics alone see: no output of what acts depends on it, and values do.
module Rl.Tests.Acting.PrivilegedTests

open System
open Rl.Core.Acting
open Rl.Core.Algorithms
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Wrappers
open Xunit

let private observations =
    Space.dict
        [
            "joints", Space.unbounded [| 2 |]
            "privileged", Space.dict [ "friction", Space.unbounded [| 1 |]; "surface", Space.discrete 3 ]
            "velocities", Space.unbounded [| 3 |]
        ]

let private boxes = Space.boxOf -1.0 1.0 [| 2 |]

/// Where the privileged numbers stand among the nine that networks see.
let private isHidden index = index >= 2 && index < 6

let private layers =
    {
        Design = NetworkDesign.Automatic
        Hidden = [ 8; 6 ]
        Activation = Activation.Tanh
        SharedTrunk = false
        Convolutions = Convolutions.Automatic
        Recurrence = None
        RecurrentUnits = 4
        OrthogonalInitialisation = true
        InitialLogStandardDeviation = 0.0
        StateDependentExploration = false
    }

/// θ of a layout, all of it other than 0.
let private parametersOf (layout: Layout) =
    let struct (values, _) = Layout.initialise (Rng.create 3UL) layout
    Parameters.create layout (Expr.vector (values |> Array.mapi (fun i value -> value + 0.1 * sin (float i + 1.0))))

let private rows = 6

/// Observations, and the same with other numbers where an index says so.
let private pair (differs: int -> bool) =
    let one = Array.init (rows * 9) (fun index -> sin (1.7 * float index))

    let two =
        one
        |> Array.mapi (fun index value -> if differs (index % 9) then value + 1.0 + float index else value)

    let shaped values = Expr.reshape [| rows; 9 |] (Expr.vector values)
    struct (shaped one, shaped two)

let private valuesOf (expression: Expr) = (Reference.evaluate expression).ToArray()

/// Whether each of the numbers changes the result.
let private matters (result: Expr -> Expr) =
    [|
        for index in 0..8 do
            let struct (one, two) = pair ((=) index)
            valuesOf (result one) <> valuesOf (result two)
    |]

let private visible = Array.init 9 (isHidden >> not)

[<Theory; InlineData "auto"; InlineData "actor[dense(5, tanh)] critic[dense(4, tanh) dense(3, tanh)]">]
let ``a policy sees all but the privileged part, its value function everything`` (design: string) =
    let network =
        PolicyNetwork.create { layers with Design = NetworkDesign.parse "Network" design } observations boxes

    let parameters = parametersOf (ActorCritic.layout network)
    Assert.Equal<bool[]>(visible, matters (ActorCritic.policy network parameters))
    Assert.Equal<bool[]>(Array.create 9 true, matters (ActorCritic.value network parameters))

[<Fact>]
let ``critics of actions see everything, their actor does not`` () =
    let options = NetworkOptions.defaults [ 7 ]
    let critics = ActorCritics.critics options Convolutions.Automatic observations 2 2
    let parameters = parametersOf (ActionCritic.layout critics)
    let actions = Expr.full [| rows; 2 |] 0.3

    for critic in 0..1 do
        Assert.Equal<bool[]>(
            Array.create 9 true,
            matters (fun x -> ActionCritic.value critics critic parameters x actions)
        )

    let actor =
        ActorCritics.actor
            options
            Convolutions.Automatic
            observations
            boxes
            Activation.Tanh
            (DeterministicPolicy.create 2)

    Assert.Equal<bool[]>(visible, matters (Actor.policy actor (parametersOf (Actor.layout actor))))

[<Fact>]
let ``values that act, and policies without critics, do not see it either`` () =
    for actor in
        [
            PolicyNetwork.valuesOf
                None
                Convolutions.Automatic
                Activation.Tanh
                [ 6 ]
                observations
                (CategoricalPolicy.create 3)
            NetworkOptions.actorOf 0.0 observations boxes (NetworkOptions.defaults [ 5 ])
            // A policy that is linear.
            NetworkOptions.actorOf 0.0 observations boxes (NetworkOptions.defaults [])
        ] do
        Assert.Equal<bool[]>(visible, matters (Actor.policy actor (parametersOf (Actor.layout actor))))

[<Fact>]
let ``what cannot be is refused by name`` () =
    let fails name (parts: string list) options =
        let error =
            Assert.ThrowsAny<ArgumentException>(fun () -> PolicyNetwork.create options observations boxes |> ignore)

        Assert.Equal(name, error.ParamName)

        for part in parts do
            Assert.Contains(part, error.Message)

    let own text = { layers with Design = NetworkDesign.parse "Network" text }
    fails "SharedTrunk" [ "privileged" ] { layers with SharedTrunk = true }
    fails "Recurrence" [ "privileged" ] { layers with Recurrence = Some RecurrentCell.Gru }
    fails "Network" [ "one path"; "privileged" ] (own "dense(4)")

    fails
        "Network"
        [ "privileged.surface"; "critics alone" ]
        (own (
            "actor[branch(\"joints\")[] branch(\"velocities\")[] branch(\"privileged.surface\")[] dense(3)] "
            + "critic[dense(3)]"
        ))

    fails "Network" [ "velocities" ] (own "actor[branch(\"joints\")[] dense(3)] critic[dense(3)]")

    let alone = Space.dict [ "privileged", Space.unbounded [| 2 |] ]

    let error = Assert.ThrowsAny<ArgumentException>(fun () -> PolicyNetwork.create layers alone boxes |> ignore)

    Assert.Contains("a part beside privileged", error.Message)

[<Fact>]
let ``wrappers that would mix it into what acts are refused, and it may be filtered out`` () =
    let privileged = { DynamicsRanges.none with ShowsPrivileged = true }

    let wrapped (wrappers: Wrapper list) =
        Wrapper.apply (Wrapper.RandomizeDynamics privileged :: wrappers) ((Registry.make "Hopper-v5").Vectorise 2)

    for wrapper in [ Wrapper.FlattenObservation; Wrapper.NormalizeObservation 1e-8 ] do
        let error = Assert.ThrowsAny<ArgumentException>(fun () -> wrapped [ wrapper ] |> ignore)
        Assert.Contains("critics alone", error.Message)
        Assert.Contains("NormaliseObservations", error.Message)

    let filtered = wrapped [ Wrapper.FilterObservation [ "observation" ]; Wrapper.FlattenObservation ]
    Assert.Equal((Registry.make "Hopper-v5").Vectorise(1).ObservationSize, filtered.ObservationSize)
    Assert.True(PrivilegedPart.isIn (wrapped [ Wrapper.TimeLimit 5 ]).ObservationSpace)

[<Fact>]
let ``algorithms that act by all that they see refuse it`` () =
    for refuse in [ "bcq"; "decision-transformer" ] do
        let error = Assert.ThrowsAny<ArgumentException>(fun () -> PrivilegedPart.refuse refuse observations)
        Assert.Contains(refuse, error.Message)
        Assert.Contains("FilterObservation", error.Message)

    PrivilegedPart.refuse "bcq" boxes
    use workers = new Workers 1
    let batch = (Registry.make "Hopper-v5").Vectorise 1
    let shown = Wrapper.apply [ Wrapper.RandomizeDynamics { DynamicsRanges.none with ShowsPrivileged = true } ] batch

    let error =
        Assert.ThrowsAny<ArgumentException>(fun () ->
            ModelControl(ModelControlOptions.defaults, shown, workers) |> ignore)

    Assert.Contains("critics alone", error.Message)
