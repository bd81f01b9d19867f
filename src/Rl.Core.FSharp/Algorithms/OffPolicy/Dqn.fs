/// Deep Q-learning: act greedily with ε of random actions, remember, and regress Q on its own targets.
namespace Rl.Core.Algorithms

open System
open Rl.Core.Acting
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Objectives
open Rl.Core.Optimisers

/// What the value of the next state is taken to be.
[<RequireQualifiedAccess>]
type ValueTarget =
    /// maxₐ Q̄(s′, a) (Mnih et al. 2015).
    | Maximum
    /// Q̄(s′, argmaxₐ Q(s′, a)) (van Hasselt et al. 2016).
    | Double
    /// The soft value of Q̄, with a bonus for actions that its policy finds likely (Vieillard et al. 2020).
    | Munchausen

/// What errors of action values cost.
[<RequireQualifiedAccess>]
type ValueError =
    /// ½ δ² up to 1, |δ| − ½ beyond.
    | Huber
    /// δ².
    | Squared

/// Options of deep Q-learning (Mnih et al. 2015).
type DqnOptions =
    {
        Plan: PlanOptions
        OffPolicy: OffPolicyOptions
        Network: NetworkOptions
        Rate: RateOptions
        /// Adam's ε.
        AdamEpsilon: float
        /// Environment steps between updates of the target network.
        TargetUpdateInterval: int
        /// How far the target network then moves to the other: 1 copies it.
        TargetRate: float
        /// ε, the probability of a random action, at the first step.
        InitialExploration: float
        /// ε from the end of its fall on.
        FinalExploration: float
        /// ε falls in a straight line over this part of `TotalSteps`.
        ExplorationFraction: float
        /// What the value of the next state is taken to be: the maximum of the target network, its value of the online
        /// network's choice (double), or the soft one of Munchausen DQN.
        Target: ValueTarget
        /// What errors cost: Huber's loss or the square.
        Loss: ValueError
        /// Q is a value of the state plus advantages of mean 0, from one last layer (Wang et al. 2016).
        Dueling: bool
        /// The gradient is scaled down to this norm; 0 for no bound.
        MaxGradientNorm: float
        /// Munchausen's α: the weight of the bonus.
        MunchausenScale: float
        /// Munchausen's τ: the temperature of the policy softmax(Q̄/τ).
        MunchausenTemperature: float
        /// Munchausen's l₀: the bonus is at least α times this.
        MunchausenFloor: float
        /// Layers for observations that are images: those of DQN for Atari for 36 pixels and more, else those of
        /// MinAtar; or layers of your own, or none.
        Convolutions: Convolutions
    }

/// Defaults, rows, checks and texts.
[<RequireQualifiedAccess>]
module DqnOptions =

    /// Double Q-learning with an update a step and a copy of the network every 250, as RL Baselines3 Zoo has it for
    /// Acrobot and LunarLander, with a learning rate that falls to 0.
    let defaults: DqnOptions =
        {
            Plan = { TotalSteps = 50_000L }
            OffPolicy = { OffPolicyOptions.defaults with GradientSteps = -1 }
            Network = { NetworkOptions.defaults [ 256; 256 ] with Activation = Activation.Relu }
            Rate = { LearningRate = 6.3e-4; AnnealLearningRate = true }
            AdamEpsilon = 1e-8
            TargetUpdateInterval = 250
            TargetRate = 1.0
            InitialExploration = 1.0
            FinalExploration = 0.05
            ExplorationFraction = 0.2
            Target = ValueTarget.Double
            Loss = ValueError.Huber
            Dueling = false
            MaxGradientNorm = 10.0
            MunchausenScale = 0.9
            MunchausenTemperature = 0.03
            MunchausenFloor = -1.0
            Convolutions = Convolutions.Automatic
        }

    let private targets =
        [ "maximum", ValueTarget.Maximum; "double", ValueTarget.Double; "munchausen", ValueTarget.Munchausen ]

    let private errors = [ "huber", ValueError.Huber; "squared", ValueError.Squared ]

    /// A row an option, in the order of files.
    let rows: OptionRow<DqnOptions> list =
        let d = defaults
        let plan rows = Options.group (fun (c: DqnOptions) -> c.Plan) (fun v c -> { c with Plan = v }) rows

        let replayed rows =
            Options.group (fun (c: DqnOptions) -> c.OffPolicy) (fun v c -> { c with OffPolicy = v }) rows

        let network rows = Options.group (fun (c: DqnOptions) -> c.Network) (fun v c -> { c with Network = v }) rows
        let rate rows = Options.group (fun (c: DqnOptions) -> c.Rate) (fun v c -> { c with Rate = v }) rows

        [
            yield! plan PlanOptions.rows
            yield! replayed OffPolicyOptions.rows
            yield! rate RateOptions.rows
            Options.number (nameof d.AdamEpsilon) Range.positive _.AdamEpsilon (fun v c -> { c with AdamEpsilon = v })
            Options.whole (nameof d.TargetUpdateInterval) (Range.atLeast 1.0) _.TargetUpdateInterval (fun v c ->
                { c with TargetUpdateInterval = v })
            Options.number (nameof d.TargetRate) Range.positiveFraction _.TargetRate (fun v c ->
                { c with TargetRate = v })
            Options.number (nameof d.InitialExploration) Range.fraction _.InitialExploration (fun v c ->
                { c with InitialExploration = v })
            Options.number (nameof d.FinalExploration) Range.fraction _.FinalExploration (fun v c ->
                { c with FinalExploration = v })
            Options.number (nameof d.ExplorationFraction) Range.fraction _.ExplorationFraction (fun v c ->
                { c with ExplorationFraction = v })
            Options.choice targets (nameof d.Target) _.Target (fun v c -> { c with Target = v })
            Options.choice errors (nameof d.Loss) _.Loss (fun v c -> { c with Loss = v })
            Options.flag (nameof d.Dueling) _.Dueling (fun v c -> { c with Dueling = v })
            Options.number (nameof d.MaxGradientNorm) Range.notNegative _.MaxGradientNorm (fun v c ->
                { c with MaxGradientNorm = v })
            Options.number (nameof d.MunchausenScale) Range.fraction _.MunchausenScale (fun v c ->
                { c with MunchausenScale = v })
            Options.number (nameof d.MunchausenTemperature) Range.positive _.MunchausenTemperature (fun v c ->
                { c with MunchausenTemperature = v })
            Options.number (nameof d.MunchausenFloor) Range.finite _.MunchausenFloor (fun v c ->
                { c with MunchausenFloor = v })
            yield! network NetworkOptions.normaliseObservations
            yield!
                network NetworkOptions.layers
                |> Options.meaning (nameof d.Network.Hidden) "Widths of the hidden layers of the action values."
            Options.convolutions (nameof d.Convolutions) _.Convolutions (fun v c -> { c with Convolutions = v })
        ]

    /// Fails for the first option that is out of its range, naming it.
    let validate (c: DqnOptions) : unit =
        Options.validate rows c
        OffPolicyOptions.validate c.OffPolicy

        if c.Target.IsMunchausen && c.OffPolicy.ReturnSteps > 1 then
            Guard.fail
                (nameof c.OffPolicy.ReturnSteps)
                ($"ReturnSteps is {c.OffPolicy.ReturnSteps}; with the target munchausen, whose bonus belongs to "
                 + "one step, it must be 1.")

        if c.MunchausenFloor > 0.0 then
            Guard.fail
                (nameof c.MunchausenFloor)
                ($"MunchausenFloor is {c.MunchausenFloor}; the logarithm of a probability is never above 0, so it "
                 + "must be at most 0.")

    /// The options as named texts.
    let toPairs (options: DqnOptions) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : DqnOptions = Options.ofPairs rows pairs defaults

/// Deep Q-learning (Mnih et al., "Human-level control through deep reinforcement learning", 2015; slides 21 and 22).
[<RequireQualifiedAccess>]
module Dqn =

    let private learningRate = Column.scalar "learningRate"
    let private online, targetName = "network", "target"

    [<Literal>]
    let private Errors = "errors"

    /// The network of action values, which acts greedily.
    let network (c: DqnOptions) (observations: Space) (actions: Space) : Actor =
        match actions with
        | Space.Discrete(count, _) ->
            let distribution =
                if c.Dueling then
                    DuelingGreedyPolicy.create count
                else
                    GreedyPolicy.create count

            PolicyNetwork.values c.Convolutions c.Network.Activation c.Network.Hidden observations distribution
        | _ ->
            Guard.fail
                "environment"
                ("dqn compares the values of a few actions, so it needs a Discrete action space; the actions are "
                 + $"{actions}. ppo, a2c, trpo and cem take any action space.")

    /// Q(s, ·) [rows, actions].
    let private values (c: DqnOptions) (network: Actor) (parameters: Parameters) (observations: Expr) : Expr =
        let outputs = Actor.policy network parameters observations
        if c.Dueling then DuelingGreedyPolicy.values outputs else outputs

    /// δ of each transition: r + γ · the next state's value − Q(s, a), where only possible actions count.
    let private error c network (columns: TransitionColumns) (possible: Column option) (batch: Batch) (values': _) =
        let q, actions = values', Expr.squeeze -1 batch[columns.Actions]
        let reward, discount = batch[columns.Rewards], batch[DrawnColumns.discounts]
        let nextObservations = batch[columns.NextObservations]

        let known (values: Expr) =
            match possible with
            | Some mask -> Expr.select batch[mask] values (Expr.number ActionDistribution.Never)
            | None -> values

        let frozen = batch.Parameters targetName
        let next = values c network frozen nextObservations |> known

        match c.Target with
        | ValueTarget.Maximum -> ValueLearning.qLearning q actions reward discount next
        | ValueTarget.Double ->
            let choice = values c network (batch.Parameters online) nextObservations |> known
            ValueLearning.doubleQLearning q actions reward discount next choice
        | ValueTarget.Munchausen ->
            let before = values c network frozen batch[columns.Observations]

            ValueLearning.munchausen
                c.MunchausenTemperature
                c.MunchausenScale
                c.MunchausenFloor
                q
                actions
                reward
                discount
                next
                before

    /// What it minimises: mean(w · ℓ(r + γ · the next state's value − Q(s, a))).
    let private loss c (network: Actor) (columns: TransitionColumns) (possible: Column option) (batch: Batch) =
        let q = values c network (batch.Parameters online) batch[columns.Observations]
        let error = error c network columns possible batch q

        let cost =
            match c.Loss with
            | ValueError.Huber -> Losses.huber 1.0 error
            | ValueError.Squared -> Expr.square error

        // Where an episode was cut, nobody knows what is possible at its last state: it teaches nothing.
        let known (x: Expr) =
            match possible with
            | Some mask -> Expr.maxOver [| -1 |] batch[mask] * x
            | None -> x

        [
            Term.mean "valueLoss" 1.0 (known batch[DrawnColumns.weights] * cost)
            if c.OffPolicy.PriorityExponent > 0.0 then Term.each Errors (known error)

            Term.report "actionValue" (ValueLearning.chosen (Expr.squeeze -1 batch[columns.Actions]) q)
        ]

    /// The update for batches of drawn transitions.
    let plan (c: DqnOptions) (network: Actor) (columns: TransitionColumns) (possible: Column option) : UpdatePlan =
        let layout = Actor.layout network
        let adam = Optimiser.adam (Schedule.input learningRate.Name) c.AdamEpsilon

        {
            Name = "value step"
            Groups =
                [
                    ParameterGroup.ofPart online { First = 0; Layout = layout } (GroupMotion.Learns("optimiser", adam))
                    ParameterGroup.target targetName layout GroupMotion.Stays
                ]
            Shape = SampleShape.steps c.OffPolicy.BatchSize
            MaxGradientNorm = c.MaxGradientNorm
            Loss = loss c network columns possible
        }

    /// ε after so many environment steps.
    let explorationRate (c: DqnOptions) (steps: int64) : float =
        let duration = c.ExplorationFraction * float c.Plan.TotalSteps
        ExplorationSchedule.linear c.InitialExploration c.FinalExploration duration (float steps)

    /// A random possible action with probability ε, else the best possible one.
    let private explore (c: DqnOptions) (network: Actor) : ExploreAction =
        ExploreAction(fun steps _ outputs _ possible action rng ->
            EpsilonGreedyActions.choose (explorationRate c steps) network.Distribution outputs possible action rng)

    let private bind (c: DqnOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        let network = network c environment.ObservationSpace environment.ActionSpace
        let choices = network.Distribution.Choices

        if c.Target.IsMunchausen && environment.HasActionMasks then
            Guard.fail
                (nameof c.Target)
                ("Target is munchausen; its bonus does not know which actions are possible: use double or maximum "
                 + "where an environment has masks.")

        let possible =
            if environment.HasActionMasks then
                Some(ReplayColumns.nextMasks choices)
            else
                None

        let update = Update.create (plan c network (TransitionColumns.ofEnvironment environment) possible)
        let theta, frozen = update.Group online, update.Group targetName
        let mutable means = Means(update, [])

        let rate (steps: int64) =
            if c.Rate.AnnealLearningRate then
                c.Rate.LearningRate * Math.Max(0.0, 1.0 - float steps / float c.Plan.TotalSteps)
            else
                c.Rate.LearningRate

        Replayed.learner
            c.OffPolicy
            {
                Algorithm = "dqn"
                Options = DqnOptions.toPairs c
                TotalSteps = c.Plan.TotalSteps
                Actor = network
                Layout = Actor.layout network
                ActionScaling = ActionScaling.None
                NormaliseObservations = c.Network.NormaliseObservations
                Arrays = update.Arrays
                Targets = [ targetName, { First = 0; Layout = Actor.layout network } ]
                Explore = explore c network
                Load =
                    fun draft ->
                        update.Load draft
                        update.Set(learningRate, c.Rate.LearningRate)
                        means <- Means(update, [ "valueLoss"; "actionValue"; "gradientNorm" ])
                Policy = fun () -> Memory.op_Implicit theta
                Stepped =
                    fun before after ->
                        for _ in 1 .. Replayed.due c.TargetUpdateInterval environment.Count before after do
                            Replayed.follow c.TargetRate (Span.op_Implicit theta.Span) frozen.Span
                Learn =
                    fun samples steps key ->
                        if c.Rate.AnnealLearningRate then update.Set(learningRate, rate steps)
                        update.ChooseAll samples
                        update.Run workers
                        means.Add()
                        key
                Errors = fun () -> update.Each Errors
                Store = update.Store
                Metrics =
                    fun steps ->
                        [|
                            yield! means.All
                            struct ("explorationRate", explorationRate c steps)
                            struct ("learningRate", rate steps)
                        |]
            }
            environment
            workers

    /// Binds options to environments. `workers` share the work; the results do not depend on their number.
    let create (options: DqnOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        DqnOptions.validate options
        bind options environment workers

    /// What there is to know of it.
    let entry =
        AlgorithmEntry.create
            {
                Id = "dqn"
                Name = "Deep Q-learning"
                Summary =
                    ("Action values regressed on their own targets from replayed steps; double, dueling, n-step, "
                     + "Munchausen (Mnih et al. 2015).")
                Source = "Mnih et al., \"Human-level control through deep reinforcement learning\" (2015)"
                Family = AlgorithmFamily.OffPolicy
            }
            DqnOptions.defaults
            DqnOptions.rows
            (OffPolicyOptions.small @ [ "GradientSteps", "1"; "TargetUpdateInterval", "24" ])
            DqnOptions.validate
            create
        |> AlgorithmEntry.withActions _.IsDiscrete
        |> AlgorithmEntry.withParameters DqnOptions.ofPairs (fun c observations actions ->
            (Actor.layout (network c observations actions)).Count)
