/// C51: categorical distributions of returns in place of action values, from replayed steps.
namespace Rl.Core.Algorithms

open Rl.Core.Acting
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Objectives

/// What the logarithm of a probability of the loss is.
[<RequireQualifiedAccess>]
type LogProbability =
    /// ln p, from the logits.
    | Exact
    /// ln p with p cut to [10⁻⁵, 1 − 10⁻⁵], outside which nothing is learned; CleanRL's.
    | Clamped
    /// ln(p + 10⁻⁸); tianshou's.
    | Offset

/// Options of C51 (Bellemare et al. 2017).
type C51Options =
    {
        Values: ValueOptions
        /// The online network chooses the next action, whose distribution the target network gives (van Hasselt et al.
        /// 2016); else the target network does both.
        Double: bool
        /// K: returns are told apart by so many atoms, at equal distances.
        Atoms: int
        /// The lowest atom; lower returns count as this one.
        LowestReturn: float
        /// The highest atom; higher returns count as this one.
        HighestReturn: float
        /// What the logarithm of a probability is in the loss: exact, of one that is cut to [10⁻⁵, 1 − 10⁻⁵] (CleanRL),
        /// or of one with 10⁻⁸ added (tianshou).
        LogProbability: LogProbability
    }

/// Defaults, rows, checks and texts.
[<RequireQualifiedAccess>]
module C51Options =

    /// CleanRL's 101 atoms from −100 to 100 for rewards of about 1.
    let defaults: C51Options =
        {
            Values = ValueOptions.ofDistributions
            Double = false
            Atoms = 101
            LowestReturn = -100.0
            HighestReturn = 100.0
            LogProbability = LogProbability.Exact
        }

    let private logarithms =
        [ "exact", LogProbability.Exact; "clamped", LogProbability.Clamped; "offset", LogProbability.Offset ]

    /// A row an option, in the order of files.
    let rows: OptionRow<C51Options> list =
        let d = defaults

        [
            Options.flag (nameof d.Double) _.Double (fun v c -> { c with Double = v })
            Options.whole (nameof d.Atoms) (Range.atLeast 2.0) _.Atoms (fun v c -> { c with Atoms = v })
            Options.number (nameof d.LowestReturn) Range.finite _.LowestReturn (fun v c -> { c with LowestReturn = v })
            Options.number (nameof d.HighestReturn) Range.finite _.HighestReturn (fun v c ->
                { c with HighestReturn = v })
            Options.choice logarithms (nameof d.LogProbability) _.LogProbability (fun v c ->
                { c with LogProbability = v })
        ]
        |> ValueOptions.around _.Values (fun v (c: C51Options) -> { c with Values = v })
        |> OffPolicyOptions.withoutLambda
        |> ValueOptions.prioritisedByLoss
        |> Options.meaning
            (nameof d.Values.Dueling)
            ("The log-odds of atoms are those of the state plus advantages of mean 0, from one last layer (Wang et al. "
             + "2016).")
        |> Options.meaning (nameof d.Values.Network.Hidden) "Widths of the hidden layers before the distributions."

    /// Fails for the first option that is out of its range, naming it.
    let validate (c: C51Options) : unit =
        NetworkOptions.validate rows defaults c
        ValueOptions.validate c.Values

        if not (c.LowestReturn < c.HighestReturn) then
            Guard.fail
                (nameof c.LowestReturn)
                $"LowestReturn is {c.LowestReturn}; it must be lower than HighestReturn, {c.HighestReturn}."

    /// The options as named texts.
    let toPairs (options: C51Options) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : C51Options = Options.ofPairs rows pairs defaults

/// C51 (Bellemare, Dabney and Munos, "A distributional perspective on reinforcement learning", 2017, algorithm 1).
[<RequireQualifiedAccess>]
module C51 =

    /// The network of an algorithm of this name.
    let internal networkOf algorithm (c: C51Options) (observations: Space) (actions: Space) : Actor =
        let distribution count =
            CategoricalReturnPolicy.create c.Values.Dueling count c.Atoms c.LowestReturn c.HighestReturn

        ValueNetwork.network algorithm c.Values distribution observations actions

    /// The network of logits of atoms, which acts by the largest mean.
    let network (c: C51Options) (observations: Space) (actions: Space) : Actor = networkOf "c51" c observations actions

    /// Logits [rows, actions, atoms].
    let private logits (c: C51Options) (network: Actor) (parameters: Parameters) (observations: Expr) : Expr =
        Actor.policy network parameters observations
        |> ReturnOutputs.arrange c.Values.Dueling network.Distribution.Choices c.Atoms

    /// −Σ target · ln p over atoms.
    let private crossEntropy (c: C51Options) (target: Expr) (logits: Expr) : Expr =
        let ofProbability f = -(Expr.sumOver [| -1 |] (target * Expr.log (f (Expr.softmax -1 logits))))

        match c.LogProbability with
        | LogProbability.Exact -> Losses.crossEntropy target logits
        | LogProbability.Clamped -> ofProbability (Expr.clamp 1e-5 (1.0 - 1e-5))
        | LogProbability.Offset -> ofProbability (fun p -> p + Expr.number 1e-8)

    /// What it minimises: mean(w · the cross-entropy of the projected r + γ Z(s′, a*) and Z(s, a)).
    let private loss c (network: Actor) (columns: TransitionColumns) (possible: Column option) (batch: Batch) =
        let struct (online, frozen) = ValueNetwork.parameters c.Values network batch
        let logits = logits c network
        let actions = Expr.squeeze -1 batch[columns.Actions]
        let own = logits online batch[columns.Observations] |> ValueDistributions.chosen actions
        let next = logits frozen batch[columns.NextObservations]
        let atoms = CategoricalReturnPolicy.atoms c.Atoms c.LowestReturn c.HighestReturn |> Expr.vector
        let chooser = if c.Double then logits online batch[columns.NextObservations] else next
        let best = ValueDistributions.mean atoms chooser |> ValueNetwork.possible possible batch |> Expr.argMax -1
        let column (x: Expr) = Expr.expandAxis -1 x
        let reward, discount = column batch[columns.Rewards], column batch[DrawnColumns.discounts]

        let target =
            ValueDistributions.chosen best next
            |> Expr.softmax -1
            |> ValueDistributions.projectEvenly c.LowestReturn c.HighestReturn c.Atoms (reward + discount * atoms)
            |> Expr.stopGradient

        let cost = crossEntropy c target own
        ValueLearner.terms c.Values possible batch cost cost (ValueDistributions.mean atoms own)

    /// The update for batches of drawn transitions.
    let plan (c: C51Options) (network: Actor) (columns: TransitionColumns) (possible: Column option) : UpdatePlan =
        ValueLearner.plan c.Values network (loss c network columns possible)

    /// Binds an algorithm of this name, whose own options are `texts`, to environments.
    let internal bind algorithm texts (c: C51Options) (environment: BatchEnvironment) (workers: Workers) : Learner =
        let network = networkOf algorithm c environment.ObservationSpace environment.ActionSpace
        ValueLearner.create (ValueLearner.parts algorithm texts c.Values network (plan c network)) environment workers

    /// Binds options to environments. `workers` share the work; the results do not depend on their number.
    let create (options: C51Options) (environment: BatchEnvironment) (workers: Workers) : Learner =
        C51Options.validate options
        bind "c51" (C51Options.toPairs options) options environment workers

    /// What there is to know of it.
    let entry =
        AlgorithmEntry.create
            {
                Id = "c51"
                Name = "C51"
                Summary =
                    "Probabilities of returns at atoms, from replayed steps; double, dueling (Bellemare et al. 2017)."
                Source =
                    "Bellemare, Dabney and Munos, \"A distributional perspective on reinforcement learning\" (2017)"
                Family = AlgorithmFamily.OffPolicy
            }
            C51Options.defaults
            C51Options.rows
            ValueOptions.small
            C51Options.validate
            create
        |> AlgorithmEntry.withActions _.IsDiscrete
        |> AlgorithmEntry.withParameters C51Options.ofPairs (fun c observations actions ->
            (ValueNetwork.layout c.Values (network c observations actions)).Count)
