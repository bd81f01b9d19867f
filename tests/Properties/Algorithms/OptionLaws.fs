/// The law of options: each does something, or is refused. A value that is read and then forgotten would be a promise
/// not kept.
module Rl.Tests.Algorithms.OptionLaws

open System
open Rl.Core.Acting
open Rl.Core.Algorithms
open Rl.Core.Foundations
open Xunit
open Rl.Core.Learning

/// Where an option has an effect, if not on CartPole with the small options: algorithm (* for all), option,
/// environment, options besides.
let places: (string * string * string * (string * string) list) list =
    [
        "td3", "Optimiser", "Pendulum-v1", [ "WeightDecay", "0.1" ]
        "ddpg", "Optimiser", "Pendulum-v1", [ "WeightDecay", "0.1" ]
        "steve", "Optimiser", "Pendulum-v1", [ "WeightDecay", "0.1" ]
        "td3-bc", "Optimiser", "Pendulum-v1", [ "WeightDecay", "0.1" ]
        "rebrac", "Optimiser", "Pendulum-v1", [ "WeightDecay", "0.1" ]
        "*", "Optimiser", "CartPole-v1", [ "WeightDecay", "0.1" ]
        "*", "InitialLogStandardDeviation", "Pendulum-v1", []
        "*", "ActionScaling", "Pendulum-v1", []
        "*", "MinibatchSize", "CartPole-v1", [ "MinibatchSize", "24" ]
        "impala", "MaxGradientNorm", "CartPole-v1", [ "MaxGradientNorm", "0.05" ]
        for id in [ "impala"; "appo" ] do
            id, "Convolutions", "Spot-v0", []
            id, "RecurrentUnits", "CartPole-v1", [ "Recurrence", "gru" ]
        "appo", "PolicyRatioClip", "CartPole-v1", [ "NormaliseAdvantages", "false" ]
        "appo", "LargestRatio", "CartPole-v1", [ "PolicyLag", "1"; "LearningRate", "0.1"; "LargestRatio", "1.5" ]
        for id in [ "ppo"; "appo"; "gail"; "airl" ] do
            id, "TotalSteps", "CartPole-v1", [ "LearningRate", "linear(1e-3, 0)" ]
            id, "ClipRange", "CartPole-v1", [ "LearningRate", "0.01" ]
            id, "DualClip", "CartPole-v1", [ "LearningRate", "0.1" ]
            id, "KlPenaltyTarget", "CartPole-v1", [ "KlPenalty", "0.5" ]
            id, "ValueClipRange", "CartPole-v1", [ "LearningRate", "0.01" ]
            id, "TargetKl", "CartPole-v1", [ "LearningRate", "0.1" ]
            id, "MaxGradientNorm", "CartPole-v1", [ "MaxGradientNorm", "0.5" ]
            id, "RewardClip", "LunarLander-v3", [ "NormaliseRewards", "true"; "RewardClip", "0.2" ]
            id, "Convolutions", "Spot-v0", []
            id, "RecurrentUnits", "CartPole-v1", [ "Recurrence", "gru" ]
            id, "SequenceLength", "CartPole-v1", [ "Recurrence", "gru" ]
            id, "StateDependentExploration", "Pendulum-v1", []
            id, "ExplorationSteps", "Pendulum-v1", [ "StateDependentExploration", "true" ]
        for id in [ "bc"; "awr"; "dagger" ] do
            id, "Loss", "Pendulum-v1", []
            id, "Components", "Pendulum-v1", []
            id, "Convolutions", "Spot-v0", []
        "dagger", "ExpertRounds", "CartPole-v1", [ "ExpertRounds", "4" ]
        "dagger", "BufferSize", "CartPole-v1", [ "BufferSize", "70" ]
        "a2c", "TotalSteps", "CartPole-v1", [ "LearningRate", "linear(1e-3, 0)" ]
        "a2c", "MaxGradientNorm", "CartPole-v1", [ "MaxGradientNorm", "0.05" ]
        "a2c", "Discount", "CartPole-v1", [ "RolloutSteps", "20" ]
        for id in [ "dqn"; "c51"; "qrdqn"; "iqn"; "r2d2"; "deep-dyna-q" ] do
            id, "NoiseDeviation", "CartPole-v1", [ "NoisyNetworks", "factorised" ]
        for id in [ "dqn"; "c51"; "qrdqn"; "iqn"; "fqf"; "r2d2"; "deep-dyna-q" ] do
            id, "ExplorationRate", "CartPole-v1", [ "TotalSteps", "500" ]
            id, "ExplorationLadder", "CartPole-v1", [ "ExplorationRate", "0.5"; "ExplorationLadder", "2" ]
        for id in [ "dqn"; "c51"; "qrdqn"; "iqn"; "fqf"; "rainbow"; "r2d2" ] do
            id, "TotalSteps", "CartPole-v1", [ "LearningRate", "linear(1e-3, 0)" ]
            id, "TargetRate", "CartPole-v1", [ "TargetRate", "0.5" ]
            id, "MaxGradientNorm", "CartPole-v1", [ "MaxGradientNorm", "0.05" ]
            id, "BufferSize", "CartPole-v1", [ "BufferSize", "50" ]
            id, "Convolutions", "Spot-v0", []
            id, "ImportanceExponent", "CartPole-v1", [ "PriorityExponent", "0.6" ]
        for id in [ "dqn"; "c51"; "qrdqn"; "iqn"; "fqf"; "rainbow" ] do
            id, "HindsightGoals", "BitFlipping-v0", []
            id, "HindsightChoice", "BitFlipping-v0", [ "HindsightGoals", "4" ]
        for id in [ "dqn"; "deep-dyna-q" ] do
            id, "Target", "CartPole-v1", [ "LearningRate", "0.05" ]
        for id in [ "sac"; "sqil" ] do
            id, "TargetEntropyPerAction", "Pendulum-v1", []
            id, "LeastLogDeviation", "Pendulum-v1", []
            id, "LargestLogDeviation", "Pendulum-v1", []
            id, "Exploration", "Pendulum-v1", []
            id, "Convolutions", "Spot-v0", []
        "c51", "Double", "CartPole-v1", [ "LearningRate", "0.05" ]
        "qrdqn", "Double", "CartPole-v1", [ "LearningRate", "0.05" ]
        "iqn", "Double", "CartPole-v1", [ "LearningRate", "0.05" ]
        "fqf", "Double", "CartPole-v1", [ "LearningRate", "0.05" ]
        "sac", "HindsightGoals", "PointReach-v0", []
        "sac", "HindsightChoice", "PointReach-v0", [ "HindsightGoals", "4" ]
        "td3", "HindsightGoals", "PointReach-v0", []
        "td3", "HindsightChoice", "PointReach-v0", [ "HindsightGoals", "4" ]
        "ddpg", "HindsightGoals", "PointReach-v0", []
        "ddpg", "HindsightChoice", "PointReach-v0", [ "HindsightGoals", "4" ]
        for id in [ "dqn"; "deep-dyna-q" ] do
            id, "MunchausenScale", "CartPole-v1", [ "Target", "munchausen" ]
            id, "MunchausenTemperature", "CartPole-v1", [ "Target", "munchausen" ]

            id,
            "MunchausenFloor",
            "CartPole-v1",
            [ "Target", "munchausen"; "MunchausenTemperature", "1"; "MunchausenFloor", "-0.5" ]
        "ddpg", "ImportanceExponent", "Pendulum-v1", [ "PriorityExponent", "0.6" ]
        "sac", "ImportanceExponent", "Pendulum-v1", [ "PriorityExponent", "0.6" ]
        "td3", "ImportanceExponent", "Pendulum-v1", [ "PriorityExponent", "0.6" ]
        "ddpg", "TotalSteps", "Pendulum-v1", [ "LearningRate", "linear(1e-3, 0)"; "TotalSteps", "500" ]
        "ddpg", "BufferSize", "Pendulum-v1", [ "BufferSize", "50" ]
        "ddpg", "ExplorationPull", "Pendulum-v1", [ "Exploration", "ornsteinUhlenbeck" ]
        "ddpg", "ExplorationSteps", "Pendulum-v1", [ "Exploration", "parameters" ]
        for id in [ "sac"; "sqil" ] do
            id, "TotalSteps", "Pendulum-v1", [ "LearningRate", "linear(1e-3, 0)"; "TotalSteps", "500" ]
        "sac", "BufferSize", "Pendulum-v1", [ "BufferSize", "50" ]
        "sqil", "BufferSize", "Pendulum-v1", [ "BufferSize", "50" ]
        for id in [ "td3"; "ddpg"; "tqc"; "crossq"; "xqc"; "redq"; "droq" ] do
            id, "Convolutions", "Aim-v0", []
        for relative in [ "tqc"; "crossq"; "xqc"; "redq"; "droq" ] do
            relative, "HindsightGoals", "PointReach-v0", []
            relative, "HindsightChoice", "PointReach-v0", [ "HindsightGoals", "4" ]
            relative, "ImportanceExponent", "Pendulum-v1", [ "PriorityExponent", "0.6" ]
            relative, "TotalSteps", "Pendulum-v1", [ "LearningRate", "linear(1e-3, 0)"; "TotalSteps", "500" ]
            relative, "BufferSize", "Pendulum-v1", [ "BufferSize", "50" ]
        "deep-dyna-q", "TotalSteps", "CartPole-v1", [ "LearningRate", "linear(1e-3, 0)" ]
        "deep-dyna-q", "TargetRate", "CartPole-v1", [ "TargetRate", "0.5" ]
        "deep-dyna-q", "MaxGradientNorm", "CartPole-v1", [ "MaxGradientNorm", "0.05" ]
        "deep-dyna-q", "BufferSize", "CartPole-v1", [ "BufferSize", "50" ]
        "deep-dyna-q", "Convolutions", "Spot-v0", []
        "deep-dyna-q", "Elites", "CartPole-v1", [ "Members", "4" ]
        "deep-dyna-q", "ModelPatience", "CartPole-v1", [ "ModelPatience", "1"; "ModelEpochs", "40" ]
        "mbpo", "Convolutions", "Aim-v0", []
        "mbpo", "BufferSize", "Pendulum-v1", [ "BufferSize", "50" ]
        "mbpo", "Elites", "Pendulum-v1", [ "Members", "4" ]
        "mbpo", "ModelPatience", "Pendulum-v1", [ "ModelPatience", "1"; "ModelEpochs", "40" ]
        "steve", "TotalSteps", "Pendulum-v1", [ "LearningRate", "linear(1e-3, 0)"; "TotalSteps", "500" ]
        "steve", "BufferSize", "Pendulum-v1", [ "BufferSize", "50" ]
        "steve", "Convolutions", "Aim-v0", []
        "steve", "ExplorationPull", "Pendulum-v1", [ "Exploration", "ornsteinUhlenbeck" ]
        "steve", "ExplorationSteps", "Pendulum-v1", [ "Exploration", "parameters" ]
        "steve", "Elites", "Pendulum-v1", [ "Members", "4" ]
        "steve", "LearnVarianceBounds", "Pendulum-v1", [ "Model", "gaussian" ]
        "steve", "ModelPatience", "Pendulum-v1", [ "ModelPatience", "1"; "ModelEpochs", "40" ]
        "pets", "Elites", "Pendulum-v1", [ "Members", "4" ]
        for id in [ "basic-mbrl"; "on-policy-mbrl"; "pets" ] do
            id, "BufferSize", "Pendulum-v1", [ "BufferSize", "50" ]
            id, "ModelPatience", "Pendulum-v1", [ "ModelPatience", "1"; "ModelEpochs", "40" ]
            id, "NoiseExponent", "Pendulum-v1", [ "Planner", "icem" ]
            id, "KeptFraction", "Pendulum-v1", [ "Planner", "icem" ]
        "crossq", "RenormalisationStarts", "Pendulum-v1", [ "RenormalisationStarts", "3" ]
        "td3", "TotalSteps", "Pendulum-v1", [ "LearningRate", "linear(1e-3, 0)"; "TotalSteps", "500" ]
        "td3", "BufferSize", "Pendulum-v1", [ "BufferSize", "50" ]
        "td3", "ExplorationPull", "Pendulum-v1", [ "Exploration", "ornsteinUhlenbeck" ]
        "td3", "ExplorationSteps", "Pendulum-v1", [ "Exploration", "parameters" ]
        "pqn", "TotalSteps", "CartPole-v1", [ "TotalSteps", "500" ]
        "pqn", "ExplorationRate", "CartPole-v1", [ "TotalSteps", "500" ]
        "pqn", "MaxGradientNorm", "CartPole-v1", [ "MaxGradientNorm", "0.05" ]
        "pqn", "AdamEpsilon", "CartPole-v1", [ "AdamEpsilon", "0.1"; "Epochs", "8" ]
        "pqn", "Convolutions", "Spot-v0", []
        "stream-q", "TotalSteps", "CartPole-v1", [ "TotalSteps", "500" ]
        "stream-q", "LearningRate", "CartPole-v1", [ "LearningRate", "0.01" ]
        "stream-q", "ExplorationRate", "CartPole-v1", [ "TotalSteps", "2000" ]
        "stream-q", "Convolutions", "Spot-v0", []
        "stream-ac", "TotalSteps", "CartPole-v1", [ "TotalSteps", "500"; "LearningRate", "linear(0.01, 0)" ]
        "stream-ac", "LearningRate", "CartPole-v1", [ "LearningRate", "0.01" ]
        "reinforce", "MaxTrajectorySteps", "CartPole-v1", [ "MaxTrajectorySteps", "10" ]
        "ppg", "ClipRange", "CartPole-v1", [ "PolicyEpochs", "4"; "LearningRate", "0.01" ]
        "vmpo", "DeviationKlBound", "Pendulum-v1", []
        "trpo", "LineSearchShrink", "CartPole-v1", [ "TargetKl", "5" ]
        "trpo", "LineSearchTries", "CartPole-v1", [ "TargetKl", "5"; "LineSearchShrink", "0.2"; "LineSearchTries", "1" ]
        "cem", "ExtraDeviation", "CartPole-v1", [ "ExtraDeviation", "0.5" ]
        "cem", "ExtraDeviationUpdates", "CartPole-v1", [ "ExtraDeviation", "0.5"; "ExtraDeviationUpdates", "4" ]
        "cem", "MaxEpisodeSteps", "CartPole-v1", [ "MaxEpisodeSteps", "12" ]
        "ars", "MaxEpisodeSteps", "CartPole-v1", [ "MaxEpisodeSteps", "12" ]
        "es", "MaxEpisodeSteps", "CartPole-v1", [ "MaxEpisodeSteps", "12" ]
        "ars", "AliveBonus", "LunarLander-v3", [ "MaxEpisodeSteps", "90" ]
        "cem", "Activation", "CartPole-v1", [ "Hidden", "4" ]
        "ars", "Activation", "CartPole-v1", [ "Hidden", "4" ]
        "ars", "TopDirections", "CartPole-v1", [ "Directions", "6" ]
        for id in [ "iql"; "awac"; "crr" ] do
            id, "LargestWeight", "Pendulum-v1", [ "LargestWeight", "0.5" ]
            id, "LeastLogDeviation", "Pendulum-v1", [ "LeastLogDeviation", "-0.5" ]
            id, "LargestLogDeviation", "Pendulum-v1", [ "LargestLogDeviation", "-2" ]
        for id in [ "iql"; "awac"; "crr"; "td3-bc"; "rebrac"; "cql"; "edac"; "bcq"; "bear" ] do
            id, "Convolutions", "Aim-v0", []
        for id in [ "bcq"; "td3-bc"; "rebrac" ] do
            id, "ExplorationDeviation", "Pendulum-v1", [ "OfflineSteps", "12" ]
        "cql", "TargetGap", "Pendulum-v1", [ "TargetGap", "1" ]
        "cql", "Calibrated", "LunarLanderContinuous-v3", [ "ConservativeWeight", "50"; "CriticLearningRate", "0.05" ]
        "decision-transformer", "MaxGradientNorm", "CartPole-v1", [ "MaxGradientNorm", "0.01" ]
        "discrete-bcq",
        "ProbabilityThreshold",
        "CartPole-v1",
        [ "ProbabilityThreshold", "0.95"; "LearningRate", "0.05" ]
        for id in [ "discrete-bcq"; "discrete-cql" ] do
            id, "Convolutions", "Spot-v0", []
            id, "MaxGradientNorm", "CartPole-v1", [ "MaxGradientNorm", "0.05" ]
        "discrete-cql", "Target", "CartPole-v1", [ "LearningRate", "0.05" ]
        for id in [ "discrete-bcq"; "discrete-cql" ] do
            id, "ExplorationRate", "CartPole-v1", [ "OfflineSteps", "12"; "ExplorationRate", "0.9" ]
        "filtered-bc", "BestShare", "CartPole-v1", [ "BestShare", "1" ]
        "filtered-bc", "Convolutions", "Spot-v0", []
    ]

/// How many copies of an environment options are tried with: one where recorded steps are followed by the agent's own.
let copies (changes: (string * string) list) =
    if changes |> List.exists (fun (name, _) -> name = "OfflineSteps") then 1 else 3

/// Only the plan: without schedules it tells when to stop, and moves nothing before.
let private isPlanOnly (entry: AlgorithmEntry) name =
    name = "TotalSteps"
    && not (
        List.contains
            entry.Id
            [
                "ppo"
                "a2c"
                "airl"
                "appo"
                "c51"
                "crossq"
                "ddpg"
                "deep-dyna-q"
                "dqn"
                "droq"
                "fqf"
                "gail"
                "impala"
                "iqn"
                "pqn"
                "qrdqn"
                "r2d2"
                "rainbow"
                "redq"
                "sac"
                "sqil"
                "steve"
                "stream-ac"
                "stream-q"
                "td3"
                "tqc"
                "xqc"
            ]
    )

/// A task whose actions the algorithm can have.
let usual (entry: AlgorithmEntry) =
    [ "CartPole-v1"; "Pendulum-v1" ]
    |> List.find (fun id -> entry.Suits (LearnerLaws.environment id).ActionSpace)

/// Another value of an option; legal for its row alone.
let other (option: OptionDescription) (present: string) =
    let numberOf (value: float) (range: Range) (isWhole: bool) =
        let candidates =
            if isWhole then
                [ value * 2.0; Math.Ceiling(value / 2.0); value + 1.0; 3.0 ]
            else
                [ value / 2.0; value * 0.9; 0.3; 2.0; -0.5 ]

        candidates
        |> List.find (fun candidate -> candidate <> value && Range.contains range candidate)
        |> fun found -> found.ToString("R", Globalization.CultureInfo.InvariantCulture)

    let number range isWhole = numberOf (float present) range isWhole

    match option.Kind with
    | OptionKind.Flag -> if present = "true" then "false" else "true"
    | OptionKind.Choice names -> names |> List.find (fun name -> name <> present)
    | OptionKind.Whole range -> number range true
    | OptionKind.Number range -> number range false
    | OptionKind.Schedule(range, _) ->
        let start = RateSchedule.parse option.Name present |> RateSchedule.at 0.0
        numberOf start range false
    | OptionKind.Widths _ -> if present = "6" then "5" else "6"
    | OptionKind.Layers -> "4x2x1"
    | OptionKind.Network -> "dense(5)"

let trained (algorithm: string) id changes =
    use workers = new Workers(1)
    // A change of this option alone shows that several copies are refused.
    let copies = if changes = [ "OfflineSteps", "1" ] then 3 else copies changes
    use learner = LearnerLaws.make algorithm changes id copies workers
    let state, _ = LearnerLaws.run learner (learner.Initialise(Rng.create 11UL)) 3

    // Basic model-based learning plans when it acts, and not in training.
    let acted =
        match learner.Plans state with
        | Some plans ->
            let player = plans.Invoke state.Parameters
            let mutable key = Rng.create 1UL

            // Near the upright, where the best torque is not the largest.
            [|
                for angle in [ 0.02; 0.05; -0.03; 0.1; 3.0 ] do
                    let seen = [| float32 (cos angle); float32 (sin angle); 0.0f |]
                    let action = Array.zeroCreate<float32> learner.Environment.ActionSize
                    key <- player.Act(ReadOnlySpan seen, ReadOnlySpan.Empty, Span action, key)
                    yield! action
            |]
        | None -> [||]

    state.Steps, state.Parameters, state.Arrays, acted

let private idsOf (entries: AlgorithmEntry list) =
    let data = TheoryData<string>()
    entries |> List.iter (fun entry -> data.Add entry.Id)
    data

let ids: TheoryData<string> = idsOf Catalogue.entries

[<Theory; MemberData(nameof ids)>]
let ``every option changes the result or is refused`` (id: string) =
    let entry = Catalogue.entries |> List.find (fun entry -> entry.Id = id)
    let known = Collections.Generic.Dictionary<_, _>()

    let unchanged environment besides =
        match known.TryGetValue((environment, besides)) with
        | true, found -> found
        | _ ->
            let made = trained id environment besides
            known[(environment, besides)] <- made
            made

    let idle =
        [
            for option in entry.Options do
                if not (isPlanOnly entry option.Name) then
                    let environment, besides =
                        places
                        |> List.tryFind (fun (algorithm, name, _, _) ->
                            (algorithm = id || algorithm = "*") && name = option.Name)
                        |> Option.map (fun (_, _, environment, besides) -> environment, besides)
                        |> Option.defaultValue (usual entry, [])

                    let present = dict (entry.Settings(entry.Small @ besides))
                    let changed = option.Name, other option present[option.Name]

                    let isIdle =
                        try
                            unchanged environment besides = trained id environment (besides @ [ changed ])
                        with :? ArgumentException as refusal when refusal.ParamName = option.Name ->
                            false

                    if isIdle then $"{option.Name} = {snd changed}"
        ]

    Assert.Empty idle
