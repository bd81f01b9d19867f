/// What behaviour cloning and DAgger share: an actor for any actions, and the step that moves it towards an expert's.
namespace Rl.Core.Algorithms

open Rl.Core.Acting
open Rl.Core.Autodiff
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Objectives
open Rl.Core.Optimisers

/// How far a policy is from the expert's action.
[<RequireQualifiedAccess>]
type CloningLoss =
    /// −ln π(a|s).
    | Likelihood
    /// ½ ‖μ(s) − a‖² of the mean of continuous actions, whose deviations stay; −ln π(a|s) of choices.
    | Squared

/// How a policy is fitted to an expert's actions.
type CloningOptions =
    {
        /// Pairs (s, a) that a gradient step learns from.
        BatchSize: int
        /// How far a policy is from the expert's action: by its likelihood, or by the squared distance of the mean.
        Loss: CloningLoss
        /// Normal distributions that the policy of continuous actions is a mixture of, for experts who do one thing or
        /// another in one state (Bishop 1994); 1 for a single one.
        Components: int
        /// The weight of the entropy bonus.
        EntropyCoefficient: float
        /// Adam's step size.
        LearningRate: RateSchedule
        /// The gradient is scaled down to this norm; 0 for no bound.
        MaxGradientNorm: float
        Optimiser: OptimiserOptions
        Network: NetworkOptions
        /// Layers for observations that are images: those of DQN for Atari for 36 pixels and more, else those of
        /// MinAtar; or layers of your own, or none.
        Convolutions: Convolutions
        /// The start of ln σ for continuous actions of a single normal distribution.
        InitialLogStandardDeviation: float
    }

/// Defaults and rows.
[<RequireQualifiedAccess>]
module CloningOptions =
    let private o = Unchecked.defaultof<CloningOptions>

    /// Likelihood by Adam over batches of 128 pairs, observations normalised.
    let defaults: CloningOptions =
        {
            BatchSize = 128
            Loss = CloningLoss.Likelihood
            Components = 1
            EntropyCoefficient = 0.0
            LearningRate = RateSchedule.Constant 1e-3
            MaxGradientNorm = 0.5
            Optimiser = OptimiserOptions.defaults
            Network =
                { NetworkOptions.defaults [ 64; 64 ] with
                    NormaliseObservations = true
                    Activation = Activation.Relu
                }
            Convolutions = Convolutions.Automatic
            InitialLogStandardDeviation = -1.0
        }

    let private losses = [ "likelihood", CloningLoss.Likelihood; "squared", CloningLoss.Squared ]

    /// A row an option, in the order of files.
    let rows: OptionRow<CloningOptions> list =
        let network rows = Options.group (fun (c: CloningOptions) -> c.Network) (fun v c -> { c with Network = v }) rows

        [
            Options.whole (nameof o.BatchSize) (Range.atLeast 1.0) _.BatchSize (fun v c -> { c with BatchSize = v })
            Options.choice losses (nameof o.Loss) _.Loss (fun v c -> { c with Loss = v })
            Options.whole (nameof o.Components) (Range.within 1.0 1000.0) _.Components (fun v c ->
                { c with Components = v })
            Options.number (nameof o.EntropyCoefficient) Range.notNegative _.EntropyCoefficient (fun v c ->
                { c with EntropyCoefficient = v })
            Options.rate (nameof o.LearningRate) _.LearningRate (fun v c -> { c with LearningRate = v })
            Options.number (nameof o.MaxGradientNorm) Range.notNegative _.MaxGradientNorm (fun v c ->
                { c with MaxGradientNorm = v })
            yield!
                Options.group _.Optimiser (fun v (c: CloningOptions) -> { c with Optimiser = v }) OptimiserOptions.rows
            yield! network NetworkOptions.normaliseObservations
            yield! network (NetworkOptions.ofOne "of the policy" NetworkOptions.layers)
            Options.convolutions (nameof o.Convolutions) _.Convolutions (fun v c -> { c with Convolutions = v })
            Options.number (nameof o.InitialLogStandardDeviation) Range.finite _.InitialLogStandardDeviation (fun v c ->
                { c with InitialLogStandardDeviation = v })
            yield! network NetworkOptions.actionScaling
        ]

    /// Fails for options that do not go together.
    let validate (options: CloningOptions) : unit =
        if options.Components > 1 && options.Loss.IsSquared then
            Guard.fail
                (nameof options.Components)
                ($"Components is {options.Components} and Loss is squared, which knows one mean: use the "
                 + "likelihood, or 1 component.")

/// The step of cloning.
[<RequireQualifiedAccess>]
module Cloning =

    /// The bounds of ln σ of the components of a mixture.
    let private leastLogDeviation, largestLogDeviation = -5.0, 1.0

    /// What acts for these spaces: a normal distribution or a mixture of them for numbers, and what PPO has for
    /// choices.
    let actor (c: CloningOptions) (observations: Space) (actions: Space) : Actor =
        let ofNumbers count =
            if c.Components > 1 then
                MixtureNormalPolicy.create count c.Components leastLogDeviation largestLogDeviation
            else
                DiagonalNormalPolicy.create count c.InitialLogStandardDeviation

        let own = NetworkDesign.actor c.Network.Network

        Policy.headWith ofNumbers actions
        |> PolicyNetwork.valuesOf own c.Convolutions c.Network.Activation c.Network.Hidden observations
        |> Policy.scaledActor c.Network.ActionScaling actions

    /// The number of parameters of `actor`.
    let parameters (c: CloningOptions) (observations: Space) (actions: Space) : int =
        (Actor.layout (actor c observations actions)).Count

    /// The output with σ = 1 where actions are numbers, so that −ln π is ½ ‖μ − a‖² and a constant.
    let private ofUnitDeviation (output: ActorOutput) : ActorOutput =
        { output with
            LogStandardDeviation =
                output.LogStandardDeviation |> Option.map (fun deviation -> Expr.zeros deviation.Shape)
        }

    /// The loss of each pair [M]: −ln π(a|s), or ½ ‖μ(s) − a‖² for the numbers of actions.
    let loss (kind: CloningLoss) (distribution: ActionDistribution) (output: ActorOutput) (actions: Expr) : Expr =
        match kind with
        | CloningLoss.Likelihood ->
            let struct (logProbability, _) = Policy.evaluate distribution output actions
            Regression.behaviourCloning logProbability
        | CloningLoss.Squared ->
            let struct (logProbability, _) = Policy.evaluate distribution (ofUnitDeviation output) actions
            // Of each number of an action the density of N(μ, 1) has a factor of 1/√(2π).
            let constant = 0.5 * float distribution.Deviations * log (2.0 * System.Math.PI)
            Regression.behaviourCloning logProbability - constant

    /// The rate of an option.
    let learningRate (c: CloningOptions) : Rate = Rate.create (nameof c.LearningRate) c.LearningRate

    /// What an update reports.
    let metrics = [ "cloningLoss"; "entropy"; "gradientNorm" ]

    /// The update of an actor at the start of θ by pairs with the columns of transitions; `weigh` gives each pair's
    /// weight [M] where not all count alike, and may read further groups.
    let updateWith
        (weigh: (Batch -> Expr) option)
        (further: ParameterGroup list)
        (c: CloningOptions)
        (actor: Actor)
        (columns: TransitionColumns)
        : Update =
        let optimiser =
            OptimiserOptions.transform (Rate.stepSize (learningRate c)) 1e-8 c.Optimiser
            |> NetworkOptions.constrain c.Network

        let terms (batch: Batch) =
            let output = Actor.apply actor (batch.Parameters "actor") batch[columns.Observations]
            let actions = batch[columns.Actions]
            let each = loss c.Loss actor.Distribution output actions
            let struct (_, entropy) = Policy.evaluate actor.Distribution output actions

            let cloning =
                match weigh with
                | None -> each
                | Some weigh -> Expr.stopGradient (weigh batch) * each

            [
                Term.mean "cloningLoss" 1.0 cloning
                if c.EntropyCoefficient > 0.0 then
                    Term.mean "entropy" -c.EntropyCoefficient entropy
                else
                    Term.report "entropy" entropy
            ]

        Update.create
            {
                Name = "cloning step"
                Groups =
                    [
                        ParameterGroup.ofPart
                            "actor"
                            { First = 0; Layout = Actor.layout actor }
                            (GroupMotion.Learns("optimiser", optimiser))
                        yield! further
                    ]
                Shape = SampleShape.steps c.BatchSize
                MaxGradientNorm = c.MaxGradientNorm
                Loss = terms
            }

    /// The update where all pairs count alike.
    let update (c: CloningOptions) (actor: Actor) (columns: TransitionColumns) : Update =
        updateWith None [] c actor columns
