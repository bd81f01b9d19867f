/// Generators of actions such as the data has: variational autoencoders of actions, given what is observed.
namespace Rl.Core.Algorithms

open Rl.Core.Acting
open Rl.Core.Autodiff
open Rl.Core.Distributions
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Learning
open Rl.Core.Networks
open Rl.Core.Objectives

/// An encoder, from an action to the distribution of its latent numbers, and a decoder, from these to the action.
[<NoEquality; NoComparison>]
type internal Generator = { Encoder: ActionCritic; Decoder: ActionCritic; Latents: int }

/// Conditional variational autoencoders (Kingma and Welling 2014; Sohn, Lee and Yan 2015) as BCQ and BEAR have them.
[<RequireQualifiedAccess>]
module internal Generator =

    /// The bounds of ln σ of latent numbers, as the authors of BCQ have them.
    [<Literal>]
    let private LeastLogDeviation = -4.0

    [<Literal>]
    let private LargestLogDeviation = 15.0

    /// One network, with the layers of an actor, of observations and so many numbers besides.
    let network (c: NetworkOptions) convolutions (observations: Space) besides outputs (last: Activation) =
        let ofActor =
            { c with
                Network =
                    match NetworkDesign.actor c.Network with
                    | Some path -> NetworkDesign.Shared path
                    | None -> NetworkDesign.Automatic
            }

        let network = ActorCritics.critics ofActor convolutions observations besides 1
        { network with Layers.Outputs = outputs; Layers.OutputActivation = last }

    /// Of actions of n numbers, by twice as many latent ones.
    let create (c: NetworkOptions) convolutions (observations: Space) (n: int) : Generator =
        let latents = 2 * n

        {
            Encoder = network c convolutions observations n (2 * latents) Activation.Identity
            Decoder = network c convolutions observations latents n Activation.Tanh
            Latents = latents
        }

    /// Standard normal numbers that an action's latent ones are drawn with.
    let noise (generator: Generator) : Column = Column.step "encoderNoise" generator.Latents

    /// The distribution of latent numbers that the encoder sees in an action.
    let private encode (generator: Generator) (encoder: Parameters) (observations: Expr) (actions: Expr) =
        let output = ActionCritic.apply generator.Encoder encoder observations actions |> List.head
        let d = generator.Latents
        let deviation = Expr.slice -1 d (2 * d) output
        DiagonalNormal.create (Expr.slice -1 0 d output) (Expr.clamp LeastLogDeviation LargestLogDeviation deviation)

    /// (1/n) Σ (decoded − a)² + w · the divergence of the latent numbers, which are drawn.
    let private loss (weight: float) (generator: Generator) (columns: TransitionColumns) (batch: Batch) =
        let observations, actions = batch[columns.Observations], batch[columns.Actions]
        let own = encode generator (batch.Parameters "encoder") observations actions
        let latents = DiagonalNormal.reparameterise batch[noise generator] own

        let decoded =
            ActionCritic.apply generator.Decoder (batch.Parameters "decoder") observations latents |> List.head

        let error = Offline.squaredDistance decoded actions * (1.0 / float actions.Shape[1])
        let divergence = Offline.latentDivergence own.Mean own.LogStandardDeviation
        [ Term.mean "reconstructionLoss" 1.0 error; Term.mean "divergence" weight divergence ]

    /// What an update of a generator reports.
    let reported = [ "reconstructionLoss"; "divergence" ]

    /// The update that moves both networks, which lie in these parts of θ.
    let update
        (replayed: OffPolicyOptions)
        (c: NetworkOptions)
        (rate: Rate)
        (weight: float)
        (generator: Generator)
        (struct (encoder: Part, decoder: Part))
        (columns: TransitionColumns)
        : Update =
        let learns name = ActorCritics.learnsWith 0.9 c name rate

        OfflineUpdates.update
            replayed
            "generator step"
            false
            [
                ParameterGroup.ofPart "encoder" encoder (learns "encoderOptimiser")
                ParameterGroup.ofPart "decoder" decoder (learns "decoderOptimiser")
            ]
            (loss weight generator columns)
