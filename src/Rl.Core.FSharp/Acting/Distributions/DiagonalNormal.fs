/// Numbers from independent normal distributions, whose ln σ is a vector of parameters or an output of the network.
namespace Rl.Core.Acting

open Rl.Core.Distributions

[<RequireQualifiedAccess>]
module DiagonalNormalPolicy =

    let internal name = "diagonalNormal"
    let internal stateDependentName = "stateDependentNormal"

    let private evaluate (distribution: DiagonalNormal) actions =
        struct (DiagonalNormal.logProbability actions distribution, DiagonalNormal.entropy distribution)

    let internal ofOutput (output: ActorOutput) =
        DiagonalNormal.create output.Policy (ActionDistribution.deviationOf output)

    /// An action is drawn by a normal number for each of its own.
    let private choice count (ofOutput: ActorOutput -> DiagonalNormal) : ActionChoice =
        ActionDistribution.drawnNormal
            count
            (fun output ->
                let normal = ofOutput output
                struct (normal.Mean, normal.LogStandardDeviation))
            id

    /// Means [..., n] from the network, and ln σ [n] a parameter of its own that starts at the given number.
    let create (count: int) (initialLogStandardDeviation: float) : ActionDistribution =
        let format = { Name = name; Sizes = [ count ]; Numbers = [ initialLogStandardDeviation ]; Parts = [] }

        { ActionDistribution.numbers format count count with
            Deviations = count
            Parameters = ActionDistribution.deviationLayout [| count |] initialLogStandardDeviation
            Spread = ActionDistribution.ownSpread
            Evaluate = fun output actions -> evaluate (ofOutput output) actions
            Kl = fun p q -> DiagonalNormal.kl (ofOutput p) (ofOutput q)
            Sample =
                SampleAction(fun outputs deviation action rng -> DiagonalNormal.sample outputs deviation action rng)
            Choice = choice count ofOutput
        }

    /// Means and ln σ, both from the network: [..., 2n], the means first.
    let stateDependent (count: int) : ActionDistribution =
        let format = { Name = stateDependentName; Sizes = [ count ]; Numbers = []; Parts = [] }

        let ofOutput (output: ActorOutput) =
            DiagonalNormal.create
                (ActionDistribution.cut 0 count output.Policy)
                (ActionDistribution.cut count count output.Policy)

        { ActionDistribution.numbers format (2 * count) count with
            Evaluate = fun output actions -> evaluate (ofOutput output) actions
            Kl = fun p q -> DiagonalNormal.kl (ofOutput p) (ofOutput q)
            Sample =
                SampleAction(fun outputs _ action rng ->
                    DiagonalNormal.sample (outputs.Slice(0, count)) (outputs.Slice(count, count)) action rng)
            Choice = choice count ofOutput
        }
