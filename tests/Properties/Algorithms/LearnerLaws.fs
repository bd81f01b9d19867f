/// Laws that every learner obeys (law 9): the same key gives the same run, threads change nothing, saving changes
/// nothing.
module Rl.Tests.Algorithms.LearnerLaws

open Rl.Core.Acting
open Rl.Core.Algorithms
open Rl.Core.Environments
open Rl.Core.Foundations
open Xunit
open Rl.Core.Learning

/// The tasks of this folder and of the registry, by id.
let environment id =
    match id with
    | "Match-v0" -> AnyEnvironment.Pack(Match())
    | "Spot-v0" -> AnyEnvironment.Pack(Spot())
    | "Aim-v0" -> AnyEnvironment.Pack(Aim())
    | "PointAt-v0" -> AnyEnvironment.Pack(PointAt())
    | "Forbidden-v0" -> AnyEnvironment.Pack(Forbidden())
    | "Pairs-v0" -> AnyEnvironment.Pack(Pairs())
    | id -> Registry.make id

/// A learner with the small options of its entry, some of them changed, on a few copies of an environment; with data of
/// it where it learns from data.
let make (algorithm: string) (changes: (string * string) list) (id: string) (copies: int) (workers: Workers) : Learner =
    let entry = Catalogue.entries |> List.find (fun entry -> entry.Id = algorithm)
    // Layers of one's own stand in place of hidden ones.
    let isDesigned = changes |> List.exists (fun (name, _) -> name = "Network")
    let small = entry.Small |> List.filter (fun (name, _) -> not isDesigned || name <> "Hidden")
    Recordings.create entry (small @ changes) ((environment id).Vectorise copies) workers

/// Those of the options that an algorithm has.
let private among (algorithm: string) (changes: (string * string) list) =
    let entry = Catalogue.entries |> List.find (fun entry -> entry.Id = algorithm)

    changes
    |> List.filter (fun (name, _) -> entry.Options |> List.exists (fun option -> option.Name = name))

let private cut = [ "MaxEpisodeSteps", "30" ]
let private normalised = [ "NormaliseObservations", "true"; "NormaliseRewards", "true" ]

/// Every algorithm of the catalogue on the tasks whose actions it can have, then variants of some: name, algorithm,
/// environment, changed options.
let private all: (string * string * string * (string * string) list) list =
    [
        for entry in Catalogue.entries do
            for kind, id, changes in
                [
                    "", "CartPole-v1", []
                    ", continuous", "Pendulum-v1", normalised @ cut
                    ", masks and joint actions", "Match-v0", normalised
                    ", masks", "Forbidden-v0", normalised
                ] do
                // Masks are not recorded, nor imagined, and values of what an expert came to cannot do without.
                let isRefused = List.contains entry.Id [ "sqil"; "deep-dyna-q" ] && kind.Contains "masks"

                if entry.Suits (environment id).ActionSpace && not isRefused then
                    entry.Id + kind, entry.Id, id, among entry.Id changes
        "ppo, everything on",
        "ppo",
        "CartPole-v1",
        [
            "NormaliseObservations", "true"
            "NormaliseRewards", "true"
            "ValueClipRange", "0.2"
            "TargetKl", "0.01"
            "EntropyCoefficient", "0.01"
            "SharedTrunk", "true"
        ]
        "ppo, penalised", "ppo", "CartPole-v1", [ "ClipRange", "0"; "KlPenalty", "1"; "KlPenaltyTarget", "0.01" ]
        "ppo, dual clip and torch's start",
        "ppo",
        "CartPole-v1",
        [ "DualClip", "3"; "OrthogonalInitialisation", "false"; "MaxGradientNorm", "0" ]
        "ppo, state-dependent exploration",
        "ppo",
        "Pendulum-v1",
        [ "StateDependentExploration", "true"; "ExplorationSteps", "4" ]
        "ppo, lstm", "ppo", "CartPole-v1", [ "Recurrence", "lstm"; "RecurrentUnits", "6"; "SequenceLength", "8" ]
        "ppo, gru on a trunk, whole rollouts",
        "ppo",
        "CartPole-v1",
        [ "Recurrence", "gru"; "RecurrentUnits", "6"; "SequenceLength", "0"; "SharedTrunk", "true" ]
        "ppo, masks, joint actions and memory", "ppo", "Match-v0", [ "Recurrence", "tanh"; "RecurrentUnits", "5" ]
        "ppo, images", "ppo", "Spot-v0", [ "Hidden", "16"; "Activation", "relu" ]
        "ppo, images and memory",
        "ppo",
        "Spot-v0",
        [ "Convolutions", "4x3x2"; "Recurrence", "gru"; "RecurrentUnits", "5" ]
        "impala, an older policy", "impala", "CartPole-v1", [ "PolicyLag", "2"; "GaeLambda", "0.9" ]
        "impala, an older policy with a memory",
        "impala",
        "Match-v0",
        [ "PolicyLag", "1"; "Recurrence", "gru"; "RecurrentUnits", "5"; "NormaliseObservations", "true" ]
        "impala, images and memory",
        "impala",
        "Spot-v0",
        [ "Hidden", "16"; "Recurrence", "lstm"; "RecurrentUnits", "5"; "PolicyLag", "1" ]
        "appo, an older policy and a seldom target",
        "appo",
        "CartPole-v1",
        [ "PolicyLag", "2"; "TargetInterval", "3"; "LargestRatio", "1.2"; "SharedTrunk", "true" ]
        "appo, gru", "appo", "CartPole-v1", [ "Recurrence", "gru"; "RecurrentUnits", "6"; "SequenceLength", "8" ]
        "reinforce, full return", "reinforce", "CartPole-v1", [ "Estimate", "fullReturn"; "Baseline", "none" ]
        "reinforce, average baseline",
        "reinforce",
        "CartPole-v1",
        [ "Baseline", "average"; "NormaliseObservations", "true" ]
        "reinforce, full return, continuous",
        "reinforce",
        "Pendulum-v1",
        [ "Estimate", "fullReturn"; "Baseline", "average" ]
        "vpg, entropy", "vpg", "Pendulum-v1", [ "EntropyCoefficient", "0.01" ]
        "a2c, TensorFlow's root", "a2c", "Pendulum-v1", [ "EpsilonInsideRoot", "true"; "AnnealLearningRate", "true" ]
        "npg, fixed step, continuous", "npg", "Pendulum-v1", [ "LearningRate", "0.01" ]
        "cem, extra noise", "cem", "CartPole-v1", [ "ExtraDeviation", "0.3"; "Hidden", "8" ]
        "ars, best directions", "ars", "CartPole-v1", [ "TopDirections", "2"; "AliveBonus", "0.5"; "Hidden", "8" ]
        "dqn, maximum, squared, n-step, dueling",
        "dqn",
        "CartPole-v1",
        [
            "Target", "maximum"
            "Loss", "squared"
            "ReturnSteps", "3"
            "Dueling", "true"
            "TargetRate", "0.1"
            "GradientSteps", "-1"
            "NormaliseObservations", "true"
            "LearningRate", "exponential(6.3e-4, 1e-5, 50%)"
            "ExplorationRate", "cosine(1, 0.05, 0.5)"
            "TotalSteps", "500"
        ]
        "deep-dyna-q, uniformly, noise",
        "deep-dyna-q",
        "CartPole-v1",
        [ "ImaginedActions", "uniform"; "Target", "maximum"; "NoisyNetworks", "factorised" ]
        "deep-dyna-q, images", "deep-dyna-q", "Spot-v0", [ "Hidden", "16"; "NormaliseObservations", "true" ]
        "dqn, munchausen", "dqn", "CartPole-v1", [ "Target", "munchausen"; "MunchausenTemperature", "0.3" ]
        "dqn, mixed returns, masks and priorities",
        "dqn",
        "Forbidden-v0",
        [ "ReturnSteps", "4"; "ReturnLambda", "0.6"; "PriorityExponent", "0.6"; "NoisyNetworks", "factorised" ]
        "dqn, mixed returns and images", "dqn", "Spot-v0", [ "ReturnSteps", "3"; "ReturnLambda", "0.9"; "Hidden", "16" ]
        for id in [ "td3"; "sac"; "redq" ] do
            $"{id}, mixed returns", id, "Pendulum-v1", [ "ReturnSteps", "5"; "ReturnLambda", "0.9" ]
        "dqn, n-step and masks", "dqn", "Forbidden-v0", [ "ReturnSteps", "4"; "Dueling", "true" ]
        "r2d2, LSTM and masks", "r2d2", "Forbidden-v0", [ "Recurrence", "lstm"; "Dueling", "true"; "ReturnSteps", "4" ]
        "r2d2, images, no burn-in, all alike",
        "r2d2",
        "Spot-v0",
        [ "BurnIn", "0"; "PriorityExponent", "0"; "Loss", "huber"; "NoisyNetworks", "factorised" ]
        "dqn, several choices with masks",
        "dqn",
        "Pairs-v0",
        [ "Dueling", "true"; "ReturnSteps", "3"; "PriorityExponent", "0.6" ]
        "dqn, bits", "dqn", "IdentityMultiBinary-v0", [ "Target", "maximum"; "NoisyNetworks", "factorised" ]
        for id, most in [ "c51", "Atoms"; "qrdqn", "Quantiles"; "iqn", "Quantiles"; "fqf", "Fractions" ] do
            $"{id}, double, dueling, priorities",
            id,
            "CartPole-v1",
            [
                most, "7"
                "Double", "true"
                "Dueling", "true"
                "ReturnSteps", "3"
                "PriorityExponent", "0.6"
                "NormaliseObservations", "true"
                "AnnealLearningRate", "true"
                "TotalSteps", "500"
            ]

            $"{id}, masks", id, "Forbidden-v0", [ most, "5"; "Dueling", "true"; "ReturnSteps", "4" ]
            $"{id}, images", id, "Spot-v0", [ most, "5"; "Hidden", "16" ]
        for id in [ "dqn"; "c51"; "qrdqn"; "iqn" ] do
            for kind in [ "factorised"; "independent" ] do
                $"{id}, {kind} noise", id, "CartPole-v1", [ "NoisyNetworks", kind; "PriorityExponent", "0.6" ]
        "rainbow, images", "rainbow", "Spot-v0", [ "Atoms", "5" ]
        "rainbow, masks", "rainbow", "Forbidden-v0", [ "Atoms", "5"; "NoisyNetworks", "independent" ]
        "sac, three critics, n-step",
        "sac",
        "Pendulum-v1",
        [
            "Critics", "3"
            "ReturnSteps", "3"
            "LearnTemperature", "false"
            "GradientSteps", "-1"
            "PriorityExponent", "0.6"
        ]
        "sac, choices, n-step and seldom targets",
        "sac",
        "CartPole-v1",
        [
            "Critics", "3"
            "ReturnSteps", "3"
            "CriticLoss", "huber"
            "TargetUpdateInterval", "10"
            "TargetRate", "1"
            "GradientSteps", "-1"
            "NormaliseObservations", "true"
            "AnnealLearningRate", "true"
            "TotalSteps", "500"
        ]
        "sac, masks and priorities", "sac", "Forbidden-v0", [ "ReturnSteps", "2"; "PriorityExponent", "0.6" ]
        "sac, images", "sac", "Spot-v0", [ "Hidden", "16" ]
        "sqil, a third of the expert's, images", "sqil", "Spot-v0", [ "Hidden", "16"; "DemonstrationShare", "0.33" ]
        "sac, images for a choice and a number", "sac", "PointAt-v0", [ "Hidden", "16"; "PriorityExponent", "0.6" ]
        for id in [ "sac"; "tqc"; "crossq"; "xqc"; "redq"; "droq"; "td3"; "ddpg" ] do
            $"{id}, images and numbers", id, "Aim-v0", [ "Hidden", "8" ]
        "tqc, three critics, n-step, prioritised",
        "tqc",
        "Pendulum-v1",
        [
            "Critics", "3"
            "DroppedQuantiles", "0"
            "ReturnSteps", "3"
            "LearnTemperature", "false"
            "PriorityExponent", "0.6"
            "BatchSize", "130"
        ]
        "crossq, every step, renormalised, prioritised",
        "crossq",
        "Pendulum-v1",
        [
            "PolicyDelay", "1"
            "Critics", "3"
            "RenormalisationStarts", "5"
            "PriorityExponent", "0.6"
            "BatchSize", "130"
            "AnnealLearningRate", "true"
            "TotalSteps", "500"
        ]
        "xqc, every step, three critics, prioritised",
        "xqc",
        "Pendulum-v1",
        [
            "PolicyDelay", "1"
            "Critics", "3"
            "ReturnSteps", "3"
            "PriorityExponent", "0.6"
            "BatchSize", "130"
            "NormaliseRewards", "false"
            "AnnealLearningRate", "true"
            "TotalSteps", "500"
        ]
        "redq, mean of three, two updates a step",
        "redq",
        "Pendulum-v1",
        [
            "TargetCritics", "3"
            "TargetValue", "mean"
            "GradientSteps", "-2"
            "PriorityExponent", "0.6"
            "BatchSize", "130"
        ]
        "droq, every step, two layers",
        "droq",
        "Pendulum-v1",
        [ "PolicyDelay", "1"; "Hidden", "8x4"; "Critics", "3"; "BatchSize", "130"; "LearnTemperature", "false" ]
        "td3, wandering noise, annealed",
        "td3",
        "Pendulum-v1",
        [
            "Exploration", "ornsteinUhlenbeck"
            "PolicyDelay", "3"
            "LearningRate", "warmup(0.1, cosine(1e-3, 1e-5))"
            "ExplorationDeviation", "piecewise(0.3, 0.2: 0.1, 0.3: 0.05)"
            "SmoothingDeviation", "linear(0.3, 0.1)"
            "TotalSteps", "500"
        ]
        "td3, pink noise", "td3", "Pendulum-v1", [ "Exploration", "pink" ]
        "sac, pink noise", "sac", "Pendulum-v1", [ "Exploration", "pink" ]
        "td3, muon", "td3", "Pendulum-v1", [ "Optimiser", "muon"; "WeightDecay", "0.01" ]
        "ppo, muon on images", "ppo", "Spot-v0", [ "Hidden", "16"; "Optimiser", "muon" ]
        "ppo, spectral norm", "ppo", "CartPole-v1", [ "WeightConstraint", "spectralNorm"; "Hidden", "12x8" ]
        "dqn, spectral norm of noisy networks",
        "dqn",
        "CartPole-v1",
        [ "WeightConstraint", "spectralNorm"; "Hidden", "12x8"; "NoisyNetworks", "independent"; "Optimiser", "muon" ]
        "sac, unit norm", "sac", "Pendulum-v1", [ "WeightConstraint", "unitNorm"; "NormaliseObservations", "true" ]
        "ppg, adamW", "ppg", "CartPole-v1", [ "Optimiser", "adamW"; "WeightDecay", "0.1" ]
        "ddpg, noise on parameters",
        "ddpg",
        "Pendulum-v1",
        [ "Exploration", "parameters"; "ExplorationSteps", "20"; "ExplorationDeviation", "0.3" ]
        "dqn, images", "dqn", "Spot-v0", [ "Hidden", "16" ]
        "pqn, images", "pqn", "Spot-v0", []
        "pqn, one step, without normalised layers",
        "pqn",
        "CartPole-v1",
        [ "Lambda", "0"; "LayerNormalisation", "false"; "NormaliseObservations", "true"; "TotalSteps", "500" ]
        "stream-q, images", "stream-q", "Spot-v0", []
        "stream-ac, a falling step and no normalisation",
        "stream-ac",
        "CartPole-v1",
        [
            "NormaliseObservations", "false"
            "LayerNormalisation", "false"
            "TotalSteps", "500"
            "AnnealLearningRate", "true"
        ]
        "ppo, layers of one's own",
        "ppo",
        "CartPole-v1",
        [
            "Network", "actor[dense(8) norm] critic[dense(6, tanh) residual[dense(6)]]"
            "NormaliseObservations", "true"
        ]
        "ppo, shared layers of one's own before a memory",
        "ppo",
        "Spot-v0",
        [ "Network", "conv(4, 2) norm flatten dense(8)"; "Recurrence", "lstm"; "SequenceLength", "8" ]
        "a2c, shared layers of one's own", "a2c", "CartPole-v1", [ "Network", "dense(8) norm residual[dense(8)]" ]
        for id in [ "dqn"; "qrdqn"; "rainbow"; "r2d2"; "pqn"; "stream-q" ] do
            $"{id}, convolutions of one's own",
            id,
            "Spot-v0",
            [ "Network", "conv(4, 2) norm flatten dense(8) residual[dense(8)]" ]
        for id in [ "iqn"; "fqf" ] do
            $"{id}, layers of one's own", id, "CartPole-v1", [ "Network", "norm dense(8) norm dense(6)" ]
        for id in [ "sac"; "tqc"; "crossq"; "xqc"; "redq"; "droq"; "td3"; "ddpg" ] do
            $"{id}, convolutions of one's own for actor and critics",
            id,
            "Aim-v0",
            [ "Network", "actor[flatten dense(8) norm] critic[conv(2, 2) flatten dense(8) residual[dense(8)]]" ]
        "sac, layers of one's own for choices", "sac", "CartPole-v1", [ "Network", "dense(8) norm" ]
        "es, two episodes", "es", "CartPole-v1", [ "EpisodesPerCandidate", "2" ]
    ]

/// The rows of `all`, for theories.
let names: TheoryData<string> =
    let data = TheoryData<string>()
    all |> List.iter (fun (name, _, _, _) -> data.Add name)
    data

let private find name =
    let _, algorithm, id, changes = all |> List.find (fun (known, _, _, _) -> known = name)
    id, make algorithm changes

/// The states and reports of some transitions.
let run (learner: Learner) (start: TrainingState) transitions =
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

[<Theory; MemberData(nameof names)>]
let ``options survive their texts`` (name: string) =
    let id, make = find name
    use workers = new Workers(1)
    use learner = make id 4 workers
    let entry = Catalogue.entries |> List.find (fun entry -> entry.Id = learner.Algorithm)
    Assert.Equal<(string * string) list>(learner.Options, entry.Settings learner.Options)
