/// Cloning, discriminators, their rewards and statistics, DAgger's schedules, maximum causal entropy and preferences,
/// against the project imitation.
module Rl.Tests.Golden.ImitationGolden

open System
open Rl.Core.Autodiff
open Rl.Core.Distributions
open Rl.Core.Experience
open Rl.Core.Networks
open Rl.Core.Objectives
open Rl.Core.Optimisers
open Rl.Core.Tabular
open Xunit
open Rl.Tests.Golden.AlgorithmNetworks

let private verify (algorithm: string) (check: GoldenNode -> unit) =
    Golden.verifyWhere "imitation" (fun case -> case.Text "algorithm" = algorithm) check

let private table (node: GoldenNode) name = GoldenCases.ofNode node[name]

/// Adam over one vector, step by step, with gradients that are summed over minibatches.
type private Descent(theta: float[], rate: float) =
    let n = theta.Length
    let transform = adam rate 1e-8
    let mutable theta = theta
    let mutable known = Map.ofList (Optimiser.initialise n transform)

    member _.Theta = theta

    /// Moves by a gradient; elements that no loss reaches stay, as PyTorch leaves parameters without a gradient.
    member _.Move(gradient: float[]) =
        let struct (next, state) =
            Optimiser.update
                transform
                (Expr.input "gradient" [| n |])
                (Optimiser.inputs "" n transform)
                (Expr.input "theta" [| n |])

        let values = known.Add("gradient", Tensor.vector gradient).Add("theta", Tensor.vector theta)
        let results = Reference.evaluateMany (fun name -> values[name]) (Array.ofList (next :: state))
        let names = Optimiser.state n transform |> List.map _.Name
        known <- List.zip names (List.ofArray results[1..]) |> Map.ofList
        theta <- results[0].ToArray()

// --- Cloning
// ---------------------------------------------------------------------------------------------------------

/// The log-probabilities of the file's actions and the entropies of the file's policy.
let private policy (case: GoldenNode) (p: Map<string, Expr>) (batch: GoldenNode) : struct (Expr * Expr) =
    let output = mlp p "actor" Expr.tanh false (table batch "observations")

    if case["params"].Text "action" = "discrete" then
        let categorical = Categorical.ofLogits output
        struct (Categorical.logProbability (table batch "actions") categorical, Categorical.entropy categorical)
    else
        let normal = DiagonalNormal.create output p["log_std"]
        struct (DiagonalNormal.logProbability (table batch "actions") normal, DiagonalNormal.entropy normal)

[<Fact>]
let ``behaviour cloning's losses, gradients over minibatches and weights are those of imitation`` () =
    verify "BC" (fun case ->
        let settings = case["params"]
        let order = texts case["flat_order"].["all"]
        let initial = case["initial_weights"]
        let descent = Descent(concatenated order initial, settings.Float "lr")
        let entropyWeight, weightDecay = settings.Float "ent_weight", settings.Float "l2_weight"
        let perStep = settings.Int "batch_size" / settings.Int "minibatch_size"
        let share = float (settings.Int "minibatch_size") / float (settings.Int "batch_size")
        // Half the sum of squares of all weights, the critic's too.
        let squares (theta: Expr) = 0.5 * Expr.sum (Expr.square theta)

        let loss (batch: GoldenNode) (theta: Expr) =
            let struct (logProbability, entropy) = policy case (named order initial theta) batch

            Expr.mean (Regression.behaviourCloning logProbability) - entropyWeight * Expr.mean entropy
            + weightDecay * squares theta

        case["minibatches"].Items
        |> List.chunkBySize perStep
        |> List.iteri (fun step minibatches ->
            let gradients =
                minibatches
                |> List.map (fun batch ->
                    let theta = Expr.vector descent.Theta
                    let struct (logProbability, entropy) = policy case (named order initial theta) batch
                    let metrics = batch["metrics"]
                    let cloning = Expr.mean (Regression.behaviourCloning logProbability)
                    check metrics "neglogp" cloning
                    check metrics "entropy" (Expr.mean entropy)
                    check metrics "prob_true_act" (Expr.mean (Expr.exp logProbability))
                    check metrics "l2_norm" (squares theta)
                    check metrics "loss" (loss batch theta)
                    check batch "backward_loss" (share * loss batch theta)
                    gradient (fun theta -> share * loss batch theta) descent.Theta)
                |> List.reduce (Array.map2 (+))

            close case $"gradient {step}" case["gradients_per_step"].Items[step].AsArray.Values gradients
            descent.Move gradients
            close case $"weights {step}" case["weights_after_each_step"].Items[step].AsArray.Values descent.Theta))

// --- Discriminators
// --------------------------------------------------------------------------------------------------

/// What a reward network reads, of the rows of "expert" or "generator".
let private inputsOf (case: GoldenNode) (batch: GoldenNode) who : Expr =
    let observations = table batch $"{who}_observations"

    let part name =
        match name with
        | "state" -> observations
        | "action" when case["params"].Text("action").StartsWith "discrete" ->
            let actions = batch.Ints $"{who}_actions"
            let count = case["initial_weights"].Shape("reward.0.weight")[1]
            let isWide = texts case["params"].["reward_inputs"] |> List.contains "next_state"
            let observed = observations.Shape[1]
            let choices = if isWide then count - 2 * observed - 1 else count - observed

            actions
            |> Array.map (fun action -> Array.init choices (fun index -> if index = action then 1.0 else 0.0))
            |> Tensor.matrix
            |> Expr.constant
        | "action" -> table batch $"{who}_actions"
        | "next_state" -> table batch $"{who}_next_observations"
        | _ -> Expr.expandAxis -1 (table batch $"{who}_dones")

    texts case["params"].["reward_inputs"] |> List.map part |> Expr.concat -1

/// g(s, a) of the rows.
let private baseReward case (p: Map<string, Expr>) batch who =
    inputsOf case batch who |> mlp p "reward" Expr.relu false |> Expr.squeeze -1

/// g with its shaping where the case has a potential.
let private rewardOf (case: GoldenNode) (p: Map<string, Expr>) (batch: GoldenNode) who =
    let own = baseReward case p batch who

    if p.ContainsKey "potential.0.weight" then
        let potential name = table batch $"{who}_{name}" |> mlp p "potential" Expr.relu false |> Expr.squeeze -1
        let discount = case["params"].Float "discount" * (1.0 - table batch $"{who}_dones")
        Regression.airlReward own discount (potential "observations") (potential "next_observations")
    else
        own

let private rows first count (x: Expr) = Expr.slice 0 first (first + count) x

let private adversarial (isAirl: bool) (case: GoldenNode) =
    let settings = case["params"]
    let order = texts case["flat_order"].["reward"]
    let initial = case["initial_weights"]
    let descent = Descent(concatenated order initial, settings.Float "lr")
    let size, part = settings.Int "demo_batch_size", settings.Int "demo_minibatch_size"

    for step in case["steps"].Items do
        let batch = step["batch"]

        /// The log-odds of minibatch k's rows of the expert, and of the policy.
        let logits k (theta: Expr) =
            let p = named order initial theta
            let logProbabilities = Expr.vector step["log_policy_act_prob_per_minibatch"].Items[k].AsArray.Values

            let ofWho index who =
                let reward = rewardOf case p batch who |> rows (k * part) part

                if isAirl then
                    let zero = Expr.number 0.0
                    Regression.airlLogits reward zero zero zero (rows (index * part) part logProbabilities)
                else
                    reward

            struct (ofWho 0 "expert", ofWho 1 "generator")

        let loss k theta =
            let struct (expert, generator) = logits k theta
            Discriminators.loss expert generator

        let share = float part / float size
        let present = Expr.vector descent.Theta

        for k in 0 .. size / part - 1 do
            let struct (expert, generator) = logits k present

            close
                step
                "logits"
                step["logits_per_minibatch"].Items[k].AsArray.Values
                (numbers (Expr.concat 0 [ expert; generator ]))

            let name = if size = part then "loss" else $"loss_minibatch_{k}"
            // The file has it as it is accumulated.
            check step name (share * loss k present)

        let struct (expert, generator) = logits (size / part - 1) present
        let statistics = step["statistics"]
        let right = Discriminators.isRight true expert, Discriminators.isRight false generator
        check statistics "disc_acc_expert" (Expr.mean (fst right))
        check statistics "disc_acc_gen" (Expr.mean (snd right))
        check statistics "disc_acc" (0.5 * (Expr.mean (fst right) + Expr.mean (snd right)))
        check statistics "disc_entropy" (Expr.mean (Discriminators.entropy (Expr.concat 0 [ expert; generator ])))

        let gradients =
            [ for k in 0 .. size / part - 1 -> gradient (fun theta -> share * loss k theta) descent.Theta ]
            |> List.reduce (Array.map2 (+))

        close step "gradients" (step["gradients"].Floats "reward") gradients
        descent.Move gradients
        close step "weights" (step["weights_after"].Floats "reward") descent.Theta
        let p = named order initial (Expr.vector descent.Theta)

        let reward shaped who =
            let own = if shaped then rewardOf case p batch who else baseReward case p batch who

            if isAirl then
                own
            else
                Discriminators.reward DiscriminatorReward.Surviving (rewardOf case p batch who)

        check step "reward_train_on_generator_after_step" (reward true "generator")
        check step "reward_train_on_expert_after_step" (reward true "expert")
        check step "reward_test_on_generator_after_step" (reward false "generator")

[<Fact>]
let ``GAIL's log-odds, loss, gradients, weights and rewards are those of imitation`` () =
    verify "GAIL" (adversarial false)

[<Fact>]
let ``AIRL's log-odds, loss, gradients, weights and rewards are those of imitation`` () =
    verify "AIRL" (adversarial true)

// --- Statistics
// ------------------------------------------------------------------------------------------------------

[<Fact>]
let ``running statistics are those of imitation's RunningNorm`` () =
    verify "RunningNorm" (fun case ->
        let size, epsilon = case["params"].Int "features", case["params"].Float "eps"
        let mutable statistics = RunningStatistics.create size

        for batch in case["batches"].Items do
            let input = batch.Floats "input"
            statistics <- RunningStatistics.updateExact (ReadOnlySpan input) statistics
            let variance = Array.init size (fun index -> RunningStatistics.variance index statistics)
            close batch "mean" (batch.Floats "running_mean") statistics.Mean
            close batch "variance" (batch.Floats "running_var") variance

            input
            |> Array.mapi (fun index x ->
                (x - statistics.Mean[index % size]) / sqrt (variance[index % size] + epsilon))
            |> close batch "output" (batch.Floats "output_in_training_mode"))

[<Fact>]
let ``bias-corrected moving averages are imitation's EMANorm`` () =
    verify "EMANorm" (fun case ->
        let settings = case["params"]
        let size, epsilon, decay = settings.Int "features", settings.Float "eps", settings.Float "decay"
        let averages = Array.create size MovingAverage.initial

        for batch in case["batches"].Items do
            let input = batch.Floats "input"

            for index in 0 .. size - 1 do
                let column = Array.init (input.Length / size) (fun row -> input[row * size + index])
                averages[index] <- MovingAverage.update decay (ReadOnlySpan column) averages[index]

            close batch "mean" (batch.Floats "running_mean") (averages |> Array.map MovingAverage.mean)
            close batch "variance" (batch.Floats "running_var") (averages |> Array.map MovingAverage.variance)

            input
            |> Array.mapi (fun index x ->
                let average = averages[index % size]
                (x - MovingAverage.mean average) / sqrt (MovingAverage.variance average + epsilon))
            |> close batch "output" (batch.Floats "output_in_training_mode"))

[<Fact>]
let ``rewards of a network are normalised by the statistics of before them, as imitation's NormalizedRewardNet`` () =
    verify "NormalizedRewardNet" (fun case ->
        let weights = case["weights"]
        let p = Map.ofList [ for name, _ in weights.Members -> name, table weights name ]
        let mutable statistics = RunningStatistics.create 1

        for round in case["rounds"].Items do
            let rewards =
                Expr.concat -1 [ table round "observations"; table round "actions" ]
                |> mlp p "reward" Expr.relu false
                |> Expr.squeeze -1

            check round "raw_reward" rewards
            // Before the first rewards the file counts a variance of 1.
            let variance = if statistics.Count = 0.0 then 1.0 else RunningStatistics.variance 0 statistics
            let scale = 1.0 / sqrt (variance + case["params"].Float "eps")
            check round "normalized_reward" (scale * (rewards - statistics.Mean[0]))

            if round.Flag "updates_statistics" then
                statistics <- RunningStatistics.updateExact (ReadOnlySpan(numbers rewards)) statistics
                close round "mean" (round.Floats "running_mean_after") statistics.Mean
                let after = RunningStatistics.variance 0 statistics
                close round "variance" (round.Floats "running_var_after") [| after |])

// --- Schedules, soft backups, preferences
// ----------------------------------------------------------------------------

[<Fact>]
let ``DAgger's share of the expert falls as imitation's schedules`` () =
    verify "DAgger beta schedule" (fun case ->
        let settings = case["params"]

        let share round =
            if settings.Text "kind" = "linear" then
                Regression.daggerRampdown (settings.Int "rampdown_rounds") round
            else
                Regression.daggerMixing (settings.Float "decay_probability") round

        close case "beta" (case.Floats "beta") (case.Ints "rounds" |> Array.map share))

[<Fact>]
let ``soft backups, policies and occupancies are those of imitation's MCE IRL`` () =
    verify "MCE IRL" (fun case ->
        let settings = case["params"]
        let states, actions, horizon = settings.Int "states", settings.Int "actions", settings.Int "horizon"
        let reward, transitions = case.Floats "reward", case.Floats "transition_matrix"

        let mdp =
            Mdp.create
                (settings.Float "discount")
                (case.Floats "initial_state_distribution")
                (Array.init states (fun state ->
                    Array.init actions (fun action ->
                        Array.sub transitions ((state * actions + action) * states) states)))
                (Array.init states (fun state -> Array.create actions reward[state]))

        let solution = MaximumCausalEntropy.solve mdp horizon
        close case "V" (case.Floats "V") (Array.concat solution.Values[.. horizon - 1])
        close case "Q" (case.Floats "Q") (Array.concat solution.ActionValues)
        close case "policy" (case.Floats "policy") (solution.Policies |> Array.map _.Table |> Array.concat)
        close case "occupancy" (case.Floats "occupancy_per_step") (Array.concat solution.Occupancy)

        solution.Occupancy
        |> Array.mapi (fun time occupancy -> occupancy |> Array.map (fun d -> mdp.Discount ** float time * d))
        |> Array.reduce (Array.map2 (+))
        |> close case "discounted occupancy" (case.Floats "discounted_occupancy"))

[<Fact>]
let ``preferences between pieces are those of imitation's preference model`` () =
    verify "preference model" (fun case ->
        let settings = case["params"]

        let probability =
            Preferences.probability
                (settings.Float "discount")
                (settings.Float "noise_prob")
                (settings.Float "threshold")
                (table case "rewards_1")
                (table case "rewards_2")

        check case "probability_first_preferred" probability
        let loss = Expr.mean (Preferences.loss (table case "preferences") probability)
        check case "cross_entropy_loss" loss)
