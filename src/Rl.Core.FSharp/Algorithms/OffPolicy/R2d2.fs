/// R2D2: deep Q-learning with a memory, from replayed sequences that begin with the recurrent state of then.
namespace Rl.Core.Algorithms

open Rl.Core.Acting
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Objectives

/// Options of R2D2 (Kapturowski et al. 2019).
type R2d2Options =
    {
        Values: ValueOptions
        /// The recurrent layer after the hidden ones; none is refused, as dqn learns without a memory.
        Recurrence: RecurrentCell option
        /// Units of the recurrent layer.
        RecurrentUnits: int
        /// Steps of a sequence that are learned from.
        SequenceLength: int
        /// Steps before these, which only bring the remembered recurrent state up to date.
        BurnIn: int
        /// η: a sequence's priority follows η times the largest of its errors plus 1 − η times their mean.
        PriorityMaximum: float
        /// What errors cost: Huber's loss or the square.
        Loss: ValueError
        /// Action values are learned as h(Q) = sign(Q)(√(|Q| + 1) − 1) + Q/1000, whose scale grows slowly.
        ValueRescaling: bool
    }

/// Defaults, rows, checks and texts.
[<RequireQualifiedAccess>]
module R2d2Options =

    /// DQN's, from sequences of 20 steps after 10 that warm up, returns of 5 steps as the paper's, and its η.
    let defaults: R2d2Options =
        {
            Values =
                { ValueOptions.defaults with
                    Plan.TotalSteps = 100_000L
                    OffPolicy.TrainFrequency = 4
                    OffPolicy.GradientSteps = 1
                    OffPolicy.BatchSize = 32
                    OffPolicy.ReturnSteps = 5
                    OffPolicy.PriorityExponent = 0.9
                    OffPolicy.ImportanceExponent = RateSchedule.linear 0.6 1.0
                    Network.Hidden = [ 64 ]
                    Rate.LearningRate = RateSchedule.linear 1e-3 0.0
                    AdamEpsilon = 1e-3
                    TargetUpdateInterval = 1_000
                }
            Recurrence = Some RecurrentCell.Gru
            RecurrentUnits = 64
            SequenceLength = 20
            BurnIn = 10
            PriorityMaximum = 0.9
            Loss = ValueError.Squared
            ValueRescaling = true
        }

    /// A row an option, in the order of files.
    let rows: OptionRow<R2d2Options> list =
        let d = defaults

        [
            Options.recurrence (nameof d.Recurrence) _.Recurrence (fun v c -> { c with Recurrence = v })
            Options.whole (nameof d.RecurrentUnits) Range.widths _.RecurrentUnits (fun v c ->
                { c with RecurrentUnits = v })
            Options.whole (nameof d.SequenceLength) (Range.atLeast 1.0) _.SequenceLength (fun v c ->
                { c with SequenceLength = v })
            Options.whole (nameof d.BurnIn) (Range.atLeast 0.0) _.BurnIn (fun v c -> { c with BurnIn = v })
            Options.number (nameof d.PriorityMaximum) Range.fraction _.PriorityMaximum (fun v c ->
                { c with PriorityMaximum = v })
            Options.choice ValueError.names (nameof d.Loss) _.Loss (fun v c -> { c with Loss = v })
            Options.flag (nameof d.ValueRescaling) _.ValueRescaling (fun v c -> { c with ValueRescaling = v })
        ]
        |> ValueOptions.around _.Values (fun v (c: R2d2Options) -> { c with Values = v })
        |> OffPolicyOptions.withoutLambda
        |> Options.without [ nameof d.Values.OffPolicy.HindsightGoals; nameof d.Values.OffPolicy.HindsightChoice ]
        |> Options.meaning
            (nameof d.Values.OffPolicy.BatchSize)
            "Sequences that an update learns from, drawn from the memory."
        |> Options.meaning
            (nameof d.Values.OffPolicy.BufferSize)
            "Steps that are remembered; the oldest are forgotten first."
        |> Options.meaning
            (nameof d.Values.OffPolicy.ReturnSteps)
            ("n: rewards of so many steps, fewer where an episode or the sequence ends, come before the value of the "
             + "state after them.")
        |> Options.meaning
            (nameof d.Values.OffPolicy.PriorityExponent)
            ("α: a sequence is drawn with a probability proportional to the power α of the mixture of its errors "
             + "(prioritised replay); 0 draws all alike.")
        |> Options.meaning (nameof d.Values.Network.Hidden) "Widths of the hidden layers before the recurrent one."

    /// The recurrent layer; fails where there is none.
    let internal cell (c: R2d2Options) : RecurrentCell =
        match c.Recurrence with
        | Some cell -> cell
        | None ->
            Guard.fail
                (nameof c.Recurrence)
                "Recurrence is none; r2d2 learns with a memory, so it must be tanh, gru or lstm. dqn learns without."

    /// Fails for the first option that is out of its range, naming it.
    let validate (c: R2d2Options) : unit =
        NetworkOptions.validate rows defaults c
        ValueOptions.validate c.Values
        cell c |> ignore

    /// The options as named texts.
    let toPairs (options: R2d2Options) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : R2d2Options = Options.ofPairs rows pairs defaults

/// R2D2 (Kapturowski, Ostrovski, Quan, Munos and Dabney, "Recurrent experience replay in distributed reinforcement
/// learning", 2019), with one learner that acts itself.
[<RequireQualifiedAccess>]
module R2d2 =

    /// The network of action values with a memory, which acts greedily.
    let network (c: R2d2Options) (observations: Space) (actions: Space) : Actor =
        let distribution = if c.Values.Dueling then DuelingGreedyPolicy.create else GreedyPolicy.create

        ValueNetwork.network "r2d2" c.Values distribution observations actions
        |> PolicyNetwork.recurrent (R2d2Options.cell c) c.RecurrentUnits

    /// h and h⁻¹ (Pohlen et al. 2018).
    let private scale (c: R2d2Options) : TransformPair =
        if c.ValueRescaling then
            Transforms.signedHyperbolicPair Transforms.DefaultEpsilon
        else
            Transforms.identityPair

    /// The steps of x [L, B, ...] that are learned from.
    let private learned (c: R2d2Options) (x: Expr) : Expr = Expr.slice 0 c.BurnIn x.Shape[0] x

    /// Steps and sequences [T, B, ...] as rows.
    let private rows (x: Expr) : Expr = Expr.reshape (Array.append [| x.Shape[0] * x.Shape[1] |] x.Shape[2..]) x

    /// Recurrent states [T, B, size] after each step that is learned from: the one of then is brought up to date by the
    /// burn-in, through which nothing is learned.
    let private states c (network: Actor) (columns: TransitionColumns) (batch: Batch) (parameters: Parameters) : Expr =
        let keep = Expr.number 1.0 - batch.Sequences SequenceColumns.starts
        let observations = batch.Sequences columns.Observations
        let remember part = Actor.remember network parameters (part keep) (part observations)
        let before = batch[ReplayColumns.firstStates network.StateSize]

        let start =
            if c.BurnIn = 0 then
                before
            else
                remember (Expr.slice 0 0 c.BurnIn) before
                |> Expr.slice 0 (c.BurnIn - 1) c.BurnIn
                |> Expr.squeeze 0
                |> Expr.stopGradient

        remember (learned c) start

    /// x [T, B] of the step after, in place of whose last row comes that of `last`.
    let private later (x: Expr) (last: Expr) : Expr =
        let count = x.Shape[0]
        Expr.concat 0 [ Expr.slice 0 1 count x; Expr.slice 0 (count - 1) count last ]

    /// From x of each step alone what `further` makes of it and of the step after it, n − 1 times over, within episodes
    /// and the sequence.
    let private ahead n (isLast: Expr) (further: Expr -> Expr) (x: Expr) : Expr =
        let extend known = further (Expr.select isLast x (later known x))
        List.fold (fun known _ -> extend known) (further x) [ 2..n ]

    /// What it minimises: mean(w · ℓ(h(Σ γⁱ r + γⁿ h⁻¹(Q̄(s⁺, argmax Q(s⁺, ·)))) − Q(s, a))) over the steps of
    /// sequences that are learned from.
    let private loss c (network: Actor) (columns: TransitionColumns) (possible: Column option) (batch: Batch) =
        let struct (online, frozen) = ValueNetwork.parameters c.Values network batch
        let learned = learned c
        let ofSteps column = batch.Sequences column |> learned
        let scale = scale c
        let values outputs = if c.Values.Dueling then DuelingGreedyPolicy.values outputs else outputs
        let onlineStates = states c network columns batch online
        let nextObservations = ofSteps columns.NextObservations |> rows

        // Q(s⁺, ·) of the true next observation, which at an episode's end is no step of the sequence.
        let next parameters states =
            let struct (output, _) = Actor.step network parameters nextObservations (rows states)
            values output.Policy

        let masked (q: Expr) =
            match possible with
            | Some mask -> Expr.select (rows (ofSteps mask)) q (Expr.number ActionDistribution.Never)
            | None -> q

        let best = next online onlineStates |> masked |> Expr.argMax -1
        let rewards, discounts = ofSteps columns.Rewards, ofSteps DrawnColumns.discounts

        let nextValues =
            next frozen (states c network columns batch frozen)
            |> ValueLearning.chosen best
            |> scale.Invert
            |> Expr.reshape rewards.Shape

        // Where another episode or nothing follows.
        let starts = ofSteps SequenceColumns.starts
        let isLast = later starts (Expr.ones starts.Shape)
        let steps = c.Values.OffPolicy.ReturnSteps
        let returns = nextValues |> ahead steps isLast (fun value -> rewards + discounts * value)

        // Where an episode was cut, nobody knows what is possible at its last state: it teaches nothing.
        let known =
            match possible with
            | Some mask -> ofSteps mask |> Expr.maxOver [| -1 |] |> ahead steps isLast id
            | None -> Expr.ones rewards.Shape

        let actions = ofSteps columns.Actions |> Expr.squeeze -1
        let own = Actor.ofStates network online onlineStates |> values |> ValueLearning.chosen actions
        let error = known * ValueLearning.error own (scale.Apply returns)

        // Means are over all steps of the samples, of which these are a part.
        let share = Expr.number (float (c.BurnIn + c.SequenceLength) / float c.SequenceLength)

        [
            Term.mean "valueLoss" 1.0 (share * ofSteps DrawnColumns.weights * ValueError.cost c.Loss error)
            if c.Values.OffPolicy.PriorityExponent > 0.0 then
                Term.each ValueLearner.Errors error
            Term.report "actionValue" (share * scale.Invert own)
        ]

    let private sequences (c: R2d2Options) : ValueSequences =
        {
            Steps = { Length = c.BurnIn + c.SequenceLength; BurnIn = c.BurnIn }
            PriorityMaximum = c.PriorityMaximum
        }

    /// The update for batches of drawn sequences.
    let plan (c: R2d2Options) (network: Actor) (columns: TransitionColumns) (possible: Column option) : UpdatePlan =
        let plan = ValueLearner.plan c.Values network (loss c network columns possible)
        { plan with Shape = { plan.Shape with Sequence = (sequences c).Steps.Length } }

    /// Binds options to environments. `workers` share the work; the results do not depend on their number.
    let create (options: R2d2Options) (environment: BatchEnvironment) (workers: Workers) : Learner =
        R2d2Options.validate options
        let network = network options environment.ObservationSpace environment.ActionSpace

        let parts =
            ValueLearner.parts "r2d2" (R2d2Options.toPairs options) options.Values network (plan options network)

        ValueLearner.create { parts with Sequences = Some(sequences options) } environment workers

    /// What there is to know of it.
    let entry =
        AlgorithmEntry.create
            {
                Id = "r2d2"
                Name = "R2D2"
                Summary =
                    ("Action values of a network with a memory, from replayed sequences; double, dueling, n-step "
                     + "(Kapturowski et al. 2019).")
                Source =
                    ("Kapturowski et al., \"Recurrent experience replay in distributed reinforcement learning\" "
                     + "(2019)")
                Family = AlgorithmFamily.OffPolicy
            }
            R2d2Options.defaults
            R2d2Options.rows
            (ValueOptions.small
             @ [ "RecurrentUnits", "4"; "SequenceLength", "5"; "BurnIn", "2"; "ReturnSteps", "2" ])
            R2d2Options.validate
            create
        |> AlgorithmEntry.withActions _.IsDiscrete
        |> AlgorithmEntry.withParameters R2d2Options.ofPairs (fun c observations actions ->
            (ValueNetwork.layout c.Values (network c observations actions)).Count)
