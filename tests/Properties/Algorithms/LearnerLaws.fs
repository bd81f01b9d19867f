/// Laws that every learner obeys (law 9): the same key gives the same run, threads change nothing, saving changes nothing.
module Rl.Tests.Algorithms.LearnerLaws

open Rl.Core.Algorithms
open Rl.Core.Environments
open Rl.Core.Foundations
open Xunit

/// A learner on a few copies of an environment, with a number of threads.
type Make = string -> int -> Workers -> Learner

let private ppo changes : Make =
    fun id copies workers ->
        let configuration = PpoConfiguration.ofPairs (("RolloutSteps", "32") :: ("MinibatchSize", "96") :: changes)
        Ppo.create configuration ((Registry.make id).Vectorise copies) workers

/// PPO on one of the tasks of this folder.
let private ppoOn (environment: AnyEnvironment) changes : Make =
    fun _ copies workers ->
        let configuration = PpoConfiguration.ofPairs (("RolloutSteps", "32") :: ("MinibatchSize", "80") :: changes)
        Ppo.create configuration (environment.Vectorise copies) workers

let private reinforceOn (environment: AnyEnvironment) changes : Make =
    fun _ copies workers ->
        let configuration = ReinforceConfiguration.ofPairs (("EpisodesPerUpdate", "6") :: changes)
        Reinforce.create configuration (environment.Vectorise copies) workers

let private reinforce changes : Make =
    fun id copies workers ->
        let configuration = ReinforceConfiguration.ofPairs (("EpisodesPerUpdate", "6") :: changes)
        Reinforce.create configuration ((Registry.make id).Vectorise copies) workers

/// Binds configurations given as texts, with small rollouts or populations unless the texts say otherwise.
let private bind (create: 'C -> BatchEnvironment -> Workers -> Learner) ofPairs small changes : Make =
    fun id copies workers ->
        let environment = if id = "Match-v0" then AnyEnvironment.Pack(Match()) else Registry.make id
        create (ofPairs (small @ changes)) (environment.Vectorise copies) workers

let private rollout steps = [ "RolloutSteps", string steps ]
let private vpg = bind Vpg.create VpgConfiguration.ofPairs (("ValueSteps", "3") :: rollout 32)
let private a2c = bind A2c.create A2cConfiguration.ofPairs []

let private fit = [ "CgSteps", "5"; "ValueEpochs", "2"; "ValueMinibatchSize", "48" ]
let private npg = bind Npg.create NpgConfiguration.ofPairs (fit @ rollout 32)
let private trpo = bind Trpo.create TrpoConfiguration.ofPairs (fit @ rollout 32)

let private phase = [ "PolicyRollouts", "2"; "AuxiliaryEpochs", "2"; "PolicyEpochs", "1"; "MinibatchSize", "96" ]
let private ppg = bind Ppg.create PpgConfiguration.ofPairs (phase @ rollout 32)
let private vmpo = bind Vmpo.create VmpoConfiguration.ofPairs (("Epochs", "3") :: rollout 32)

let private cem = bind Cem.create CemConfiguration.ofPairs [ "Population", "13" ]
let private ars = bind Ars.create ArsConfiguration.ofPairs [ "Directions", "3" ]
let private es = bind Es.create EsConfiguration.ofPairs [ "Directions", "3" ]
let private cut = [ "MaxEpisodeSteps", "30" ]
let private normalised = [ "NormaliseObservations", "true"; "NormaliseRewards", "true" ]

/// Each way of learning, by name.
let private all: (string * string * Make) list =
    [
        "ppo", "CartPole-v1", ppo []
        "ppo, everything on",
        "CartPole-v1",
        ppo
            [
                "NormaliseObservations", "true"
                "NormaliseRewards", "true"
                "ValueClipRange", "0.2"
                "TargetKl", "0.01"
                "EntropyCoefficient", "0.01"
                "SharedTrunk", "true"
            ]
        "ppo, continuous", "Pendulum-v1", ppo [ "NormaliseObservations", "true" ]
        "ppo, penalised", "CartPole-v1", ppo [ "ClipRange", "0"; "KlPenalty", "1"; "KlPenaltyTarget", "0.01" ]
        "ppo, dual clip and torch's start",
        "CartPole-v1",
        ppo [ "DualClip", "3"; "OrthogonalInitialisation", "false"; "MaxGradientNorm", "0" ]
        "ppo, state-dependent exploration",
        "Pendulum-v1",
        ppo [ "StateDependentExploration", "true"; "ExplorationSteps", "4" ]
        "ppo, lstm", "CartPole-v1", ppo [ "Recurrence", "lstm"; "RecurrentUnits", "6"; "SequenceLength", "8" ]
        "ppo, gru on a trunk, whole rollouts",
        "CartPole-v1",
        ppo [ "Recurrence", "gru"; "RecurrentUnits", "6"; "SequenceLength", "0"; "SharedTrunk", "true" ]
        "ppo, masks and joint actions",
        "Match-v0",
        ppoOn (AnyEnvironment.Pack(Match())) [ "NormaliseObservations", "true" ]
        "ppo, masks, joint actions and memory",
        "Match-v0",
        ppoOn (AnyEnvironment.Pack(Match())) [ "Recurrence", "tanh"; "RecurrentUnits", "5" ]
        "ppo, images", "Spot-v0", ppoOn (AnyEnvironment.Pack(Spot())) [ "Hidden", "16"; "Activation", "relu" ]
        "ppo, images and memory",
        "Spot-v0",
        ppoOn (AnyEnvironment.Pack(Spot())) [ "Convolutions", "4x3x2"; "Recurrence", "gru"; "RecurrentUnits", "5" ]
        "reinforce, masks and joint actions", "Match-v0", reinforceOn (AnyEnvironment.Pack(Match())) []
        "reinforce, learned baseline", "CartPole-v1", reinforce []
        "reinforce, full return", "CartPole-v1", reinforce [ "Estimate", "fullReturn"; "Baseline", "none" ]
        "reinforce, average baseline",
        "CartPole-v1",
        reinforce [ "Baseline", "average"; "NormaliseObservations", "true" ]
        "reinforce, continuous", "Pendulum-v1", reinforce [ "Estimate", "fullReturn"; "Baseline", "average" ]
        "vpg", "CartPole-v1", vpg []
        "vpg, continuous", "Pendulum-v1", vpg (("EntropyCoefficient", "0.01") :: normalised)
        "a2c", "CartPole-v1", a2c []
        "a2c, continuous",
        "Pendulum-v1",
        a2c ([ "EpsilonInsideRoot", "true"; "AnnealLearningRate", "true" ] @ normalised)
        "npg", "CartPole-v1", npg normalised
        "npg, fixed step, continuous", "Pendulum-v1", npg [ "LearningRate", "0.01" ]
        "trpo", "CartPole-v1", trpo []
        "trpo, continuous", "Pendulum-v1", trpo normalised
        "ppg", "CartPole-v1", ppg []
        "ppg, continuous", "Pendulum-v1", ppg [ "NormaliseObservations", "true" ]
        "vmpo", "CartPole-v1", vmpo []
        "vmpo, continuous", "Pendulum-v1", vmpo normalised
        "cem", "CartPole-v1", cem [ "ExtraDeviation", "0.3" ]
        "cem, continuous, cut", "Pendulum-v1", cem (("NormaliseObservations", "true") :: ("Hidden", "8") :: cut)
        "ars", "CartPole-v1", ars [ "TopDirections", "2" ]
        "ars, continuous, cut", "Pendulum-v1", ars (("AliveBonus", "0.5") :: ("Hidden", "8") :: cut)
        "vpg, masks and joint actions", "Match-v0", vpg []
        "a2c, masks and joint actions", "Match-v0", a2c []
        "npg, masks and joint actions", "Match-v0", npg []
        "trpo, masks and joint actions", "Match-v0", trpo normalised
        "ppg, masks and joint actions", "Match-v0", ppg []
        "vmpo, masks and joint actions", "Match-v0", vmpo []
        "cem, masks and joint actions", "Match-v0", cem [ "NormaliseObservations", "true" ]
        "ars, masks and joint actions", "Match-v0", ars [ "NormaliseObservations", "true" ]
        "es, masks and joint actions", "Match-v0", es []
        "es", "CartPole-v1", es [ "EpisodesPerCandidate", "2" ]
        "es, continuous, cut", "Pendulum-v1", es (("NormaliseObservations", "true") :: cut)
    ]

/// The rows of `all`, for theories.
let names: TheoryData<string> =
    let data = TheoryData<string>()
    all |> List.iter (fun (name, _, _) -> data.Add name)
    data

let private find name =
    let _, id, make = all |> List.find (fun (known, _, _) -> known = name)
    id, make

/// The states and reports of some transitions.
let private run (learner: Learner) (start: TrainingState) transitions =
    let mutable state = start

    let reports =
        [
            for _ in 1..transitions do
                let struct (next, report) = learner.Transition state
                state <- next
                report
        ]

    state, reports

let private sameState (a: TrainingState) (b: TrainingState) =
    Assert.Equal(a.Steps, b.Steps)
    Assert.Equal(a.Updates, b.Updates)
    Assert.Equal<float32[]>(a.Parameters, b.Parameters)
    Assert.Equal<float[]>(a.Observations.Mean, b.Observations.Mean)
    Assert.Equal<float[]>(a.Observations.SquaredDeviation, b.Observations.SquaredDeviation)
    Assert.Equal<float[]>(a.Rewards.Mean, b.Rewards.Mean)
    Assert.Equal<float[]>(a.DiscountedReturns, b.DiscountedReturns)
    Assert.Equal(a.Key, b.Key)
    Assert.Equal<Rng[]>(a.ActionKeys, b.ActionKeys)
    Assert.Equal<(string * float32[]) list>(a.Arrays, b.Arrays)
    Assert.Equal(a.Replay, b.Replay)
    Assert.Equal<byte[]>(a.Environments.Bytes, b.Environments.Bytes)

[<Theory; MemberData(nameof names)>]
let ``one, two and three threads give the same bits`` (name: string) =
    let id, make = find name

    let final threads =
        use workers = new Workers(threads)
        use learner = make id 5 workers
        run learner (learner.Initialise(Rng.create 7UL)) 3

    let expected, expectedReports = final 1

    for threads in 2..3 do
        let actual, reports = final threads
        sameState expected actual

        Assert.Equal<EpisodeResult[]>(
            Array.concat (expectedReports |> List.map _.Episodes),
            Array.concat (reports |> List.map _.Episodes)
        )

[<Theory; MemberData(nameof names)>]
let ``run (n + m) = resume (run n) m, in a new process or not`` (name: string) =
    let id, make = find name
    use workers = new Workers(1)
    use learner = make id 4 workers
    let start = learner.Initialise(Rng.create 3UL)
    let whole, _ = run learner start 5
    let half, _ = run learner start 2
    // A learner that has seen nothing: all it knows is the state.
    use other = make id 4 workers
    let resumed, _ = run other half 3
    sameState whole resumed

[<Theory; MemberData(nameof names)>]
let ``a transition leaves the state that it was given as it was`` (name: string) =
    let id, make = find name
    use workers = new Workers(1)
    use learner = make id 4 workers
    let start, _ = run learner (learner.Initialise(Rng.create 3UL)) 1

    let copy =
        { start with
            Parameters = Array.copy start.Parameters
            Arrays = start.Arrays |> List.map (fun (name, values) -> name, Array.copy values)
            ActionKeys = Array.copy start.ActionKeys
        }

    let first, _ = run learner start 1
    sameState copy start
    let again, _ = run learner start 1
    sameState first again

[<Theory; MemberData(nameof names)>]
let ``different keys give different runs`` (name: string) =
    let id, make = find name
    use workers = new Workers(1)
    use learner = make id 4 workers
    let first, _ = run learner (learner.Initialise(Rng.create 1UL)) 1
    let second, _ = run learner (learner.Initialise(Rng.create 2UL)) 1
    Assert.NotEqual<float32[]>(first.Parameters, second.Parameters)

let private texts =
    dict
        [
            "ppo", PpoConfiguration.ofPairs >> PpoConfiguration.toPairs
            "reinforce", ReinforceConfiguration.ofPairs >> ReinforceConfiguration.toPairs
            "vpg", VpgConfiguration.ofPairs >> VpgConfiguration.toPairs
            "a2c", A2cConfiguration.ofPairs >> A2cConfiguration.toPairs
            "npg", NpgConfiguration.ofPairs >> NpgConfiguration.toPairs
            "trpo", TrpoConfiguration.ofPairs >> TrpoConfiguration.toPairs
            "ppg", PpgConfiguration.ofPairs >> PpgConfiguration.toPairs
            "vmpo", VmpoConfiguration.ofPairs >> VmpoConfiguration.toPairs
            "cem", CemConfiguration.ofPairs >> CemConfiguration.toPairs
            "ars", ArsConfiguration.ofPairs >> ArsConfiguration.toPairs
            "es", EsConfiguration.ofPairs >> EsConfiguration.toPairs
        ]

[<Theory; MemberData(nameof names)>]
let ``a configuration survives its texts`` (name: string) =
    let id, make = find name
    use workers = new Workers(1)
    use learner = make id 4 workers
    let again = texts[learner.Algorithm] learner.Configuration
    Assert.Equal<(string * string) list>(learner.Configuration, again)
