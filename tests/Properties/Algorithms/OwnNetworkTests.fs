/// Networks of a user's own for every algorithm of the catalogue: those of the other options, designed, have their
/// bits; parts of observations have branches; what has no effect is refused.
module Rl.Tests.Algorithms.OwnNetworkTests

open System
open Rl.Core.Acting
open Rl.Core.Algorithms
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Networks
open Xunit

let private entryOf id = Catalogue.entries |> List.find (fun entry -> entry.Id = id)

/// The value of an option where nothing is said.
let private defaultOf (entry: AlgorithmEntry) name =
    (entry.Options |> List.find (fun option -> option.Name = name)).Default

let private trained algorithm changes id threads =
    use workers = new Workers(threads)
    use learner = LearnerLaws.make algorithm changes id 3 workers
    let state, _ = LearnerLaws.run learner (learner.Initialise(Rng.create 11UL)) 2
    state.Parameters

/// The environment of a law for an algorithm: choices where it has them, else numbers.
let private vector (entry: AlgorithmEntry) =
    if entry.Suits (LearnerLaws.environment "CartPole-v1").ActionSpace then
        "CartPole-v1"
    else
        "Pendulum-v1"

/// Layers of a design as those of `Hidden`, for actor and critic apart where one design would be shared.
let private asDesign (entry: AlgorithmEntry) layers =
    if List.contains entry.Id [ "ppo"; "appo"; "impala"; "a2c"; "gail"; "airl" ] then
        $"actor[{layers}] critic[{layers}]"
    else
        layers

/// Those with hidden layers of an option: all but those whose layers are a model's or a transformer's.
let algorithms: TheoryData<string> =
    let data = TheoryData<string>()

    for entry in Catalogue.entries do
        if entry.Options |> List.exists (fun option -> option.Name = "Hidden") then
            data.Add entry.Id

    data

[<Theory; MemberData(nameof algorithms)>]
let ``every algorithm takes layers of a user's own, and has the bits of its options with the same`` (id: string) =
    let entry = entryOf id
    let activation = defaultOf entry "Activation"

    for hidden, layers in [ "8x6", $"dense(8, {activation}) dense(6, {activation})"; "7", $"dense(7, {activation})" ] do
        let usual = trained id [ "Hidden", hidden ] (vector entry) 1
        Assert.Equal<float32[]>(usual, trained id [ "Network", asDesign entry layers ] (vector entry) 2)

/// Algorithms whose networks see images through `Convolutions`, with an environment each.
[<Theory>]
[<InlineData("dqn", "Spot-v0")>]
[<InlineData("c51", "Spot-v0")>]
[<InlineData("iqn", "Spot-v0")>]
[<InlineData("fqf", "Spot-v0")>]
[<InlineData("rainbow", "Spot-v0")>]
[<InlineData("pqn", "Spot-v0")>]
[<InlineData("stream-q", "Spot-v0")>]
[<InlineData("ppo", "Spot-v0")>]
[<InlineData("sac", "Spot-v0")>]
[<InlineData("sac", "PointAt-v0")>]
[<InlineData("sac", "Aim-v0")>]
[<InlineData("tqc", "Aim-v0")>]
[<InlineData("crossq", "Aim-v0")>]
[<InlineData("xqc", "Aim-v0")>]
[<InlineData("td3", "Aim-v0")>]
[<InlineData("bcq", "Aim-v0")>]
[<InlineData("bear", "Aim-v0")>]
[<InlineData("discrete-bcq", "Spot-v0")>]
let ``convolutions, designed, have the bits of those of the options`` (id: string) (environment: string) =
    let activation = defaultOf (entryOf id) "Activation"
    let usual = trained id [ "Convolutions", "4x3x2"; "Hidden", "6" ] environment 1
    let own = trained id [ "Network", $"conv(4, 3, 2) flatten dense(6, {activation})" ] environment 1
    Assert.Equal<float32[]>(usual, own)

[<Fact>]
let ``a memory stands after layers of one's own`` () =
    let usual = trained "r2d2" [ "Hidden", "8x6" ] "CartPole-v1" 1
    let own = trained "r2d2" [ "Network", "dense(8) dense(6)" ] "CartPole-v1" 1
    Assert.Equal<float32[]>(usual, own)

[<Theory>]
[<InlineData("sac")>]
[<InlineData("td3")>]
[<InlineData("redq")>]
[<InlineData("bcq")>]
[<InlineData("bear")>]
let ``actor and critics may have designs of their own`` (id: string) =
    let one = trained id [ "Network", "dense(8) dense(6)" ] "Pendulum-v1" 1
    let two = trained id [ "Network", "actor[dense(8) dense(6)] critic[dense(8) dense(6)]" ] "Pendulum-v1" 1
    Assert.Equal<float32[]>(one, two)
    let other = trained id [ "Network", "actor[dense(8) dense(6)] critic[dense(5) norm]" ] "Pendulum-v1" 1
    Assert.NotEqual(one.Length, other.Length)

/// A camera, a state and a gear.
let private mixed =
    Space.dict
        [
            "camera", Space.boxOf 0.0 255.0 [| 1; 3; 3 |]
            "gear", Space.discrete 4
            "state", Space.boxOf -1.0 1.0 [| 3 |]
        ]

let private pathOf text =
    match NetworkDesign.parse "Network" text with
    | NetworkDesign.Shared path -> path
    | design -> failwith $"{design}"

let private start = Initialiser.Constant 0.5

let private shapes (graph: LayerGraph) =
    [ for block in (LayerGraph.layout graph).Blocks -> block.Name, List.ofArray block.Shape ]

[<Fact>]
let ``a critic takes the action as a branch after the others`` () =
    let text = "branch(\"state\")[dense(5)] branch(\"camera\")[conv(2, 2) flatten] branch(\"gear\")[] dense(7) norm"

    let path = pathOf text
    let policy, critic = DesignedGraph.create start mixed path, DesignedGraph.critic start mixed 2 path
    Assert.Equal(16, policy.Inputs)
    Assert.Equal(18, critic.Inputs)
    let own = critic.Branches |> List.last
    Assert.Equal((16, [ 2 ]), (own.First, List.ofArray own.Shape))
    // 5 of the state, 2 · 2 · 2 of the camera, 4 of the gear, 2 of the action.
    Assert.Contains(("0/weight", [ 19; 7 ]), shapes critic)
    Assert.Contains(("0/weight", [ 17; 7 ]), shapes policy)
    Assert.Equal(policy, DesignedGraph.critic start mixed 0 path)

[<Fact>]
let ``without branches a critic takes the action where the first dense layer comes`` () =
    let image = Space.boxOf 0.0 255.0 [| 1; 3; 3 |]
    let ofImage = DesignedGraph.critic start image 2 (pathOf "conv(2, 2) norm flatten dense(7)")
    Assert.Contains(("0/weight", [ 10; 7 ]), shapes ofImage)
    let vector = Space.boxOf -1.0 1.0 [| 3 |]
    let ofVector = DesignedGraph.critic start vector 2 (pathOf "norm residual[dense(3)] dense(7) dense(4)")
    Assert.Contains(("0/weight", [ 5; 7 ]), shapes ofVector)
    Assert.Contains(("branches/all/1/0/weight", [ 3; 3 ]), shapes ofVector)
    let plain = DesignedGraph.critic start vector 2 (pathOf "dense(7)")
    Assert.Single plain.Branches |> ignore
    Assert.Equal<(string * int list) list>([ "0/weight", [ 5; 7 ]; "0/bias", [ 7 ] ], shapes plain)

let private refusal (id: string) changes (environment: string) =
    let error = Assert.ThrowsAny<ArgumentException>(fun () -> trained id changes environment 1 |> ignore)
    string error.ParamName, error.Message

let private contains (name: string) (parts: string list) (actual: string, message: string) =
    Assert.Equal(name, actual)

    for part in parts do
        Assert.Contains(part, message)

[<Theory>]
[<InlineData("Hidden", "9")>]
[<InlineData("Activation", "gelu")>]
[<InlineData("Convolutions", "none")>]
let ``options that say layers too are refused beside them`` (option: string) (value: string) =
    for id in [ "ppo"; "dqn"; "sac"; "td3"; "pqn" ] do
        let environment = vector (entryOf id)

        refusal id [ "Network", asDesign (entryOf id) "dense(8)"; option, value ] environment
        |> contains option [ $"{option} is {value} and has no effect beside Network"; defaultOf (entryOf id) option ]

    let entry = entryOf "ppo"
    let shared = [ "Network", "dense(8)"; "SharedTrunk", "true" ]
    let error = Assert.ThrowsAny<ArgumentException>(fun () -> entry.Validate shared)
    Assert.Equal("SharedTrunk", error.ParamName)
    // The defaults said again are no contradiction, and nothing is refused without layers of one's own.
    entry.Validate [ "Network", "dense(8)"; "Hidden", "64x64"; "Activation", "tanh" ]
    entry.Validate [ "Hidden", "9" ]

[<Fact>]
let ``what an algorithm cannot do with layers says what to change`` () =
    let two = "actor[dense(8)] critic[dense(8)]"

    for id in [ "dqn"; "iqn"; "pqn"; "stream-q"; "cem"; "es" ] do
        refusal id [ "Network", two ] "CartPole-v1"
        |> contains "Network" [ "one network alone"; "without actor[...]" ]

    refusal "sac" [ "Network", "actor[dense(8)] critic[norm]" ] "Pendulum-v1"
    |> contains "Network" [ "no dense layer that takes the action" ]

    // Choices are no numbers that a critic takes.
    trained "sac" [ "Network", "norm" ] "CartPole-v1" 1 |> ignore

    refusal "td3" [ "Network", "dense(8) residual[dense(4)]" ] "Pendulum-v1"
    |> contains "Network" [ "layer 2 is residual" ]

[<Theory>]
[<InlineData("dense(8) norm dense(6)", 8, "dense norm dense")>]
[<InlineData("dense(8)", 8, "")>]
[<InlineData("norm dense(8)", 3, "dense")>]
[<InlineData("norm", 3, "")>]
let ``levels of quantiles come in before the first dense layer, or after it where nothing is learned before``
    (text: string)
    (width: int)
    (rest: string)
    =
    let graph = DesignedGraph.create start (Space.boxOf -1.0 1.0 [| 3 |]) (pathOf text)
    let struct (features, own) = DesignedGraph.split graph
    Assert.Equal(width, LayerGraph.outputs features)

    match own with
    | None -> Assert.Equal("", rest)
    | Some own ->
        Assert.Equal(width, own.Inputs)
        Assert.Equal(LayerGraph.outputs graph, LayerGraph.outputs own)
        Assert.NotEqual<string>("", rest)

[<Theory>]
[<InlineData("branch(\"state\")[dense(2)] branch(\"gear\")[dense(2)] branch(\"camera\")[flatten dense(2)]", false)>]
[<InlineData("branch(\"state\")[dense(2)] branch(\"gear\")[] branch(\"camera\")[flatten dense(2)]", true)>]
[<InlineData("branch(\"state\")[] branch(\"gear\")[] branch(\"camera\")[flatten] dense(2) norm", false)>]
[<InlineData("branch(\"state\")[] branch(\"gear\")[] branch(\"camera\")[flatten] residual[dense(16)]", true)>]
let ``features that have been through no dense layer are known`` (text: string) (isRaw: bool) =
    Assert.Equal(isRaw, LayerGraph.isRaw (DesignedGraph.create start mixed (pathOf text)))

[<Fact>]
let ``statistics of a part of that name are no running statistics`` () =
    let space = Space.dict [ "statistics", Space.boxOf -1.0 1.0 [| 3 |] ]
    let graph = DesignedGraph.create start space (pathOf "branch(\"statistics\")[dense(4)] dense(2)")
    Assert.DoesNotContain((LayerGraph.layout graph).Blocks, BatchRenormalisation.isStatistic)
    let layers = { Mlp.create 1.0 3 [] 1 with Graph = Some graph }
    let carried = { layers with BatchNormalisation = Some(BatchRenormalisation.create 3) }
    Assert.All((Mlp.statistics carried).Blocks, fun block -> Assert.True(BatchRenormalisation.isStatistic block))
    // Before the two dense layers and the last one: means, variances and a count of 3, 4 and 2 features.
    Assert.Equal(2 * 9 + 3, (Mlp.statistics carried).Count)

[<Fact>]
let ``options of files that have no effect beside layers are as if they were not there`` () =
    let entry = entryOf "ppo"
    let saved = entry.Settings [ "Network", "dense(8)"; "Hidden", "9"; "SharedTrunk", "true"; "Epochs", "3" ]
    let known = entry.Settings(AlgorithmEntry.optionsOfFile entry saved)
    entry.Validate known
    Assert.Contains(("Hidden", "64x64"), known)
    Assert.Contains(("Epochs", "3"), known)
    let plain = entry.Settings [ "Hidden", "9" ]
    Assert.Equal<(string * string) list>(plain, AlgorithmEntry.optionsOfFile entry plain)
