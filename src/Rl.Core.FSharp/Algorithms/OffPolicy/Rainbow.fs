/// Rainbow: C51 with all that goes with it, as one algorithm.
namespace Rl.Core.Algorithms

open Rl.Core.Acting
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning

/// Options of Rainbow (Hessel et al. 2018).
type RainbowOptions =
    {
        /// Its dueling network and its exploration are Rainbow's, whatever stands here.
        Values: ValueOptions
        /// K: returns are told apart by so many atoms, at equal distances.
        Atoms: int
        /// The lowest atom; lower returns count as this one.
        LowestReturn: float
        /// The highest atom; higher returns count as this one.
        HighestReturn: float
    }

/// Defaults, rows, checks and texts.
[<RequireQualifiedAccess>]
module RainbowOptions =

    /// C51's, with the paper's returns of three steps, priorities of power ½ with a correction from 0.4 to 1, and
    /// factorised noise of σ₀ = ½.
    let defaults: RainbowOptions =
        let c51 = C51Options.defaults

        {
            Values =
                { c51.Values with
                    OffPolicy.ReturnSteps = 3
                    OffPolicy.PriorityExponent = 0.5
                    OffPolicy.ImportanceExponent = RateSchedule.linear 0.4 1.0
                    NoisyNetworks = NoisyNetworks.Factorised
                }
            Atoms = c51.Atoms
            LowestReturn = c51.LowestReturn
            HighestReturn = c51.HighestReturn
        }

    /// C51 with double choice, a dueling network and the given rest.
    let internal c51 (c: RainbowOptions) : C51Options =
        {
            Values = { c.Values with Dueling = true }
            Double = true
            Atoms = c.Atoms
            LowestReturn = c.LowestReturn
            HighestReturn = c.HighestReturn
            LogProbability = LogProbability.Exact
        }

    /// A row an option, in the order of files.
    let rows: OptionRow<RainbowOptions> list =
        let d = defaults

        [
            Options.whole (nameof d.Atoms) (Range.atLeast 2.0) _.Atoms (fun v c -> { c with Atoms = v })
            Options.number (nameof d.LowestReturn) Range.finite _.LowestReturn (fun v c -> { c with LowestReturn = v })
            Options.number (nameof d.HighestReturn) Range.finite _.HighestReturn (fun v c ->
                { c with HighestReturn = v })
        ]
        |> ValueOptions.around _.Values (fun v (c: RainbowOptions) -> { c with Values = v })
        |> Options.without
            [
                nameof d.Values.Dueling
                nameof d.Values.ExplorationLadder
                for row in EpsilonGreedyOptions.rows do
                    row.Name
            ]
        |> OffPolicyOptions.withoutLambda
        |> ValueOptions.prioritisedByLoss
        |> Options.meaning
            (nameof d.Values.NoisyNetworks)
            "Which noise the weights of dense layers share; off is refused, as all exploration comes from it."
        |> Options.meaning (nameof d.Values.Network.Hidden) "Widths of the hidden layers before the distributions."

    /// Fails for the first option that is out of its range, naming it.
    let validate (c: RainbowOptions) : unit =
        NetworkOptions.validate rows defaults c
        C51Options.validate (c51 c)

        if c.Values.NoisyNetworks.IsOff then
            Guard.fail
                (nameof c.Values.NoisyNetworks)
                ("NoisyNetworks is off; all exploration of rainbow is the noise of its network, so it must be "
                 + "factorised or independent. c51 explores without.")

    /// The options as named texts.
    let toPairs (options: RainbowOptions) : (string * string) list = Options.toPairs rows options

    /// The defaults with the named options replaced; names are matched whatever their case.
    let ofPairs (pairs: (string * string) list) : RainbowOptions = Options.ofPairs rows pairs defaults

/// Rainbow (Hessel et al., "Rainbow: combining improvements in deep reinforcement learning", 2018): C51 with double
/// choice, a dueling and noisy network, returns of n steps and prioritised replay.
[<RequireQualifiedAccess>]
module Rainbow =

    /// The network of logits of atoms, which acts by the largest mean.
    let network (c: RainbowOptions) (observations: Space) (actions: Space) : Actor =
        C51.networkOf "rainbow" (RainbowOptions.c51 c) observations actions

    /// The update for batches of drawn transitions.
    let plan (c: RainbowOptions) (network: Actor) (columns: TransitionColumns) (possible: Column option) : UpdatePlan =
        C51.plan (RainbowOptions.c51 c) network columns possible

    /// Binds options to environments. `workers` share the work; the results do not depend on their number.
    let create (options: RainbowOptions) (environment: BatchEnvironment) (workers: Workers) : Learner =
        RainbowOptions.validate options
        C51.bind "rainbow" (RainbowOptions.toPairs options) (RainbowOptions.c51 options) environment workers

    /// What there is to know of it.
    let entry =
        AlgorithmEntry.create
            {
                Id = "rainbow"
                Name = "Rainbow"
                Summary =
                    ("Distributions of returns from prioritised replay of several steps: double, dueling, noisy "
                     + "(Hessel et al. 2018).")
                Source = "Hessel et al., \"Rainbow: combining improvements in deep reinforcement learning\" (2018)"
                Family = AlgorithmFamily.OffPolicy
            }
            RainbowOptions.defaults
            RainbowOptions.rows
            ValueOptions.small
            RainbowOptions.validate
            create
        |> AlgorithmEntry.withActions _.IsDiscrete
        |> AlgorithmEntry.withParameters RainbowOptions.ofPairs (fun c observations actions ->
            (ValueNetwork.layout c.Values (network c observations actions)).Count)
