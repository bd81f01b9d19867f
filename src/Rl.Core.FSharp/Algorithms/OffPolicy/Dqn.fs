/// Deep Q-learning: act greedily with ε of random actions, remember, and regress Q on its own targets.
namespace Rl.Core.Algorithms

open Rl.Core.Acting
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Objectives

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

/// Names and costs of errors of action values.
[<RequireQualifiedAccess>]
module internal ValueError =

    /// What files and command lines call them.
    let names = [ "huber", ValueError.Huber; "squared", ValueError.Squared ]

    /// What each error costs.
    let cost (kind: ValueError) (error: Expr) : Expr =
        match kind with
        | ValueError.Huber -> Losses.huber 1.0 error
        | ValueError.Squared -> Expr.square error

/// Options of deep Q-learning (Mnih et al. 2015).
type DqnOptions =
    {
        Values: ValueOptions
        /// What the value of the next state is taken to be: the maximum of the target network, its value of the online
        /// network's choice (double), or the soft one of Munchausen DQN.
        Target: ValueTarget
        /// What errors cost: Huber's loss or the square.
        Loss: ValueError
        /// Munchausen's α: the weight of the bonus.
        MunchausenScale: float
        /// Munchausen's τ: the temperature of the policy softmax(Q̄/τ).
        MunchausenTemperature: float
        /// Munchausen's l₀: the bonus is at least α times this.
        MunchausenFloor: float
    }

/// Defaults, rows, checks and texts.
[<RequireQualifiedAccess>]
module DqnOptions =

    /// Double Q-learning, and Munchausen's constants as in the paper.
    let defaults: DqnOptions =
        {
            Values = ValueOptions.defaults
            Target = ValueTarget.Double
            Loss = ValueError.Huber
            MunchausenScale = 0.9
            MunchausenTemperature = 0.03
            MunchausenFloor = -1.0
        }

    let private targets =
        [ "maximum", ValueTarget.Maximum; "double", ValueTarget.Double; "munchausen", ValueTarget.Munchausen ]

    /// A row an option, in the order of files.
    let rows: OptionRow<DqnOptions> list =
        let d = defaults

        [
            Options.choice targets (nameof d.Target) _.Target (fun v c -> { c with Target = v })
            Options.choice ValueError.names (nameof d.Loss) _.Loss (fun v c -> { c with Loss = v })
            Options.number (nameof d.MunchausenScale) Range.fraction _.MunchausenScale (fun v c ->
                { c with MunchausenScale = v })
            Options.number (nameof d.MunchausenTemperature) Range.positive _.MunchausenTemperature (fun v c ->
                { c with MunchausenTemperature = v })
            Options.number (nameof d.MunchausenFloor) Range.finite _.MunchausenFloor (fun v c ->
                { c with MunchausenFloor = v })
        ]
        |> ValueOptions.around _.Values (fun v (c: DqnOptions) -> { c with Values = v })
        |> Options.meaning (nameof d.Values.Network.Hidden) "Widths of the hidden layers of the action values."

    /// Fails for the first option that is out of its range, naming it.
    let validate (c: DqnOptions) : unit =
        NetworkOptions.validate rows defaults c
        ValueOptions.validate c.Values

        let steps = c.Values.OffPolicy.ReturnSteps

        if c.Target.IsMunchausen && steps > 1 then
            Guard.fail
                (nameof c.Values.OffPolicy.ReturnSteps)
                ($"ReturnSteps is {steps}; with the target munchausen, whose bonus belongs to "
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

/// What is regressed of a batch of transitions; of several choices at once each component has its own.
[<NoEquality; NoComparison>]
type internal RegressedValues =
    {
        /// Q_d(s, ·) [rows, choices] of each component d.
        Values: Expr list
        /// Q_d(s, a_d) [rows].
        Chosen: Expr list
        /// y [rows], constant to derivatives where it is used.
        Target: Expr
        /// y − Q_d(s, a_d) [rows], constant in y.
        Errors: Expr list
    }

/// What DQN's replay, targets and exploration minimise.
[<NoEquality; NoComparison>]
type internal ValueObjective =
    {
        /// For example "dqn".
        Algorithm: string
        /// The options as named texts.
        Options: (string * string) list
        /// Its terms, each a number a transition; those that are minimised are then weighted.
        Costs: TransitionColumns -> Batch -> RegressedValues -> Term list
        /// Rates that it reads.
        Rates: Rate list
        /// The terms of the update whose means are reported, where they are not those of DQN.
        Reported: (Update -> string list) option
    }

/// Deep Q-learning (Mnih et al., "Human-level control through deep reinforcement learning", 2015; slides 21 and 22).
[<RequireQualifiedAccess>]
module Dqn =

    let private distribution (c: DqnOptions) (counts: int list) : ActionDistribution =
        match counts, c.Values.Dueling with
        | [ count ], true -> DuelingGreedyPolicy.create count
        | [ count ], false -> GreedyPolicy.create count
        | counts, isDueling -> BranchingGreedyPolicy.create isDueling counts

    let private networkOf algorithm (c: DqnOptions) (observations: Space) (actions: Space) : Actor =
        ValueNetwork.branches algorithm c.Values (distribution c) observations actions

    /// The network of action values, which acts greedily in each component of an action.
    let network (c: DqnOptions) (observations: Space) (actions: Space) : Actor = networkOf "dqn" c observations actions

    /// Q_d(s, ·) [rows, choices] of each component d of an action.
    let private values (c: DqnOptions) (network: Actor) (parameters: Parameters) (observations: Expr) : Expr list =
        Actor.policy network parameters observations
        |> BranchingGreedyPolicy.values c.Values.Dueling network.Distribution.Format.Sizes

    /// The mean over components.
    let internal mean (parts: Expr list) : Expr =
        match parts with
        | [ one ] -> one
        | several -> List.reduce (+) several * (1.0 / float several.Length)

    /// struct (y, δ) of each transition: δ_d = y − Q_d(s, a_d) with y = r + γ · the mean over components of the next
    /// state's values, where only possible choices count (Tavakoli et al. 2018, equation 5); of several steps their
    /// return.
    let private errors
        (c: DqnOptions)
        network
        (columns: TransitionColumns)
        possible
        (batch: Batch)
        online
        frozen
        (chosen: Expr list)
        : struct (Expr * Expr list) =
        let states = NextStates.ofBatch c.Values.OffPolicy columns possible batch
        let known = ValueNetwork.possibleBranches states.Masks
        let next = values c network frozen states.Observations |> known

        let ahead =
            if c.Target.IsDouble then
                let choosers = values c network online states.Observations |> known
                List.map2 (fun chooser q -> ValueLearning.chosen (Expr.argMax -1 chooser) q) choosers next
            else
                next |> List.map (Expr.maxOver [| -1 |])

        let target = NextStates.target batch[columns.Rewards] states (mean ahead)
        struct (target, chosen |> List.map (fun q -> ValueLearning.error q target))

    /// δ of each transition whose action is one choice, with Munchausen's bonus.
    let private munchausen (c: DqnOptions) network (columns: TransitionColumns) (batch: Batch) frozen (q: Expr) : Expr =
        let values observations = values c network frozen observations |> List.exactlyOne

        ValueLearning.munchausen
            c.MunchausenTemperature
            c.MunchausenScale
            c.MunchausenFloor
            q
            (Expr.squeeze -1 batch[columns.Actions])
            batch[columns.Rewards]
            batch[DrawnColumns.discounts]
            (values batch[columns.NextObservations])
            (values batch[columns.Observations])

    /// What is regressed of each component of an action.
    let private regressed
        (c: DqnOptions)
        (network: Actor)
        (columns: TransitionColumns)
        possible
        (batch: Batch)
        : RegressedValues =
        let struct (online, frozen) = ValueNetwork.parameters c.Values network batch
        let q = values c network online batch[columns.Observations]
        let actions = Heads.split [ for _ in q -> 1 ] batch[columns.Actions]
        let chosen = List.map2 (fun action q -> ValueLearning.chosen (Expr.squeeze -1 action) q) actions q

        let struct (target, errors) =
            if c.Target.IsMunchausen then
                let error = munchausen c network columns batch frozen (List.exactlyOne q)
                struct (Expr.stopGradient (List.exactlyOne chosen + error), [ error ])
            else
                errors c network columns possible batch online frozen chosen

        { Values = q; Chosen = chosen; Target = target; Errors = errors }

    /// What a loss makes of what is regressed, by the weights of the samples, and what else an update tells.
    let private lossOf
        costs
        (c: DqnOptions)
        (network: Actor)
        (columns: TransitionColumns)
        possible
        (batch: Batch)
        : Term list =
        let regressed = regressed c network columns possible batch

        let priority =
            match regressed.Errors with
            | [ error ] -> error
            | several -> several |> List.map Expr.abs |> List.reduce (+)

        ValueLearner.termsOf c.Values possible batch (costs columns batch regressed) priority (mean regressed.Chosen)

    /// What it minimises: mean(w · ℓ(r + γ · the next state's value − Q(s, a))), over components too.
    let private costs (c: DqnOptions) (_: TransitionColumns) (_: Batch) (regressed: RegressedValues) : Term list =
        [ regressed.Errors |> List.map (ValueError.cost c.Loss) |> mean |> Term.mean ValueLearner.Loss 1.0 ]

    /// The update with further terms of the values [rows, choices] of each component and of those of the chosen
    /// actions.
    let internal planWith further (c: DqnOptions) (network: Actor) columns possible : UpdatePlan =
        let costs columns batch (regressed: RegressedValues) =
            costs c columns batch regressed @ further regressed.Values regressed.Chosen

        ValueLearner.plan c.Values network (lossOf costs c network columns possible)

    /// The update for batches of drawn transitions.
    let plan (c: DqnOptions) (network: Actor) (columns: TransitionColumns) (possible: Column option) : UpdatePlan =
        ValueLearner.plan c.Values network (lossOf (costs c) c network columns possible)

    /// A learner with DQN's replay, targets and exploration, whose steps come from `source`.
    let internal bindTo
        (source: OffPolicyBinding)
        (objective: ValueObjective)
        (options: DqnOptions)
        (environment: BatchEnvironment)
        (workers: Workers)
        : Learner =
        let algorithm = objective.Algorithm
        let network = networkOf algorithm options environment.ObservationSpace environment.ActionSpace

        if options.Target.IsMunchausen && network.Distribution.ActionSize > 1 then
            Guard.fail
                (nameof options.Target)
                ($"Target is munchausen; its bonus is for one choice, and the actions are {environment.ActionSpace}: "
                 + "use double or maximum.")

        if options.Target.IsMunchausen && environment.HasActionMasks then
            Guard.fail
                (nameof options.Target)
                ("Target is munchausen; its bonus does not know which actions are possible: use double or maximum "
                 + "where an environment has masks.")

        let plan columns possible =
            ValueLearner.plan options.Values network (lossOf objective.Costs options network columns possible)

        let parts = ValueLearner.parts algorithm objective.Options options.Values network plan

        let reported = defaultArg objective.Reported parts.Reported
        let parts = { parts with Rates = objective.Rates; Reported = reported; Bind = source }
        ValueLearner.create parts environment workers

    /// A learner with DQN's replay, targets and exploration.
    let internal bind (objective: ValueObjective) (options: DqnOptions) environment workers : Learner =
        bindTo Replayed.learnerOf objective options environment workers

    /// DQN's own objective under another algorithm's name and options.
    let internal objectiveOf (algorithm: string) texts (options: DqnOptions) : ValueObjective =
        { Algorithm = algorithm; Options = texts; Costs = costs options; Rates = []; Reported = None }

    /// Binds options to environments. `workers` share the work; the results do not depend on their number.
    let create (options: DqnOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        DqnOptions.validate options
        bind (objectiveOf "dqn" (DqnOptions.toPairs options) options) options environment workers

    /// The length of θ for these spaces.
    let internal parameters (c: DqnOptions) (observations: Space) (actions: Space) : int =
        (ValueNetwork.layout c.Values (network c observations actions)).Count

    /// What there is to know of it.
    let entry =
        AlgorithmEntry.create
            {
                Id = "dqn"
                Name = "Deep Q-learning"
                Summary =
                    ("Action values regressed on their own targets from replayed steps; double, dueling, n-step, "
                     + "Munchausen, several choices at once (Mnih et al. 2015).")
                Source = "Mnih et al., \"Human-level control through deep reinforcement learning\" (2015)"
                Family = AlgorithmFamily.OffPolicy
            }
            DqnOptions.defaults
            DqnOptions.rows
            ValueOptions.small
            DqnOptions.validate
            create
        |> AlgorithmEntry.withActions (ValueNetwork.components >> Option.isSome)
        |> AlgorithmEntry.withParameters DqnOptions.ofPairs parameters
