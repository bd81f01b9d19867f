/// Options of networks: what they see, the layers that every algorithm's networks have, and how actions are scaled.
namespace Rl.Core.Learning

open Rl.Core.Acting
open Rl.Core.Environments
open Rl.Core.Experience
open Rl.Core.Foundations
open Rl.Core.Networks
open Rl.Core.Optimisers

/// What the weights of hidden layers are put back to after each step of an optimiser (`WeightConstraints`).
[<RequireQualifiedAccess>]
type WeightConstraint =
    /// Nothing: they go where the optimiser takes them.
    | Off
    /// Of each unit a length of 1.
    | UnitNorm
    /// Of each layer a largest singular value of 1.
    | SpectralNorm

/// What networks see, and the layers that every algorithm's networks have.
type NetworkOptions =
    {
        /// Give the networks observations of running mean 0 and variance 1, clipped to ± 10.
        NormaliseObservations: bool
        /// Layers of your own in place of those that other options say: branches for the parts of an observation, dense
        /// layers, convolutions, layer normalisation and residual layers, for actor and critic together or each; auto
        /// for those of the other options.
        Network: NetworkDesign
        /// Widths of the hidden layers of actor and critic.
        Hidden: int list
        /// What stands after each hidden layer.
        Activation: Activation
        /// What the weights of hidden layers are put back to after each step: nothing, of each unit a length of 1 (Lee
        /// et al. 2025), or of each layer a largest singular value of 1 (Miyato et al. 2018).
        WeightConstraint: WeightConstraint
        /// What continuous actions of bounded boxes are in units of, inside the policy: the centre and half-range of
        /// their bounds, or the environment's own.
        ActionScaling: ActionScaling
    }

[<RequireQualifiedAccess>]
module NetworkOptions =
    let private o = Unchecked.defaultof<NetworkOptions>

    /// Hidden layers of these widths with tanh between them.
    let defaults hidden =
        {
            NormaliseObservations = false
            Network = NetworkDesign.Automatic
            Hidden = hidden
            Activation = Activation.Tanh
            WeightConstraint = WeightConstraint.Off
            ActionScaling = ActionScaling.Bounds
        }

    /// What acts on observations of the space, with the layers and the action units of the options; ln σ of continuous
    /// actions starts as given. Fails, blaming the argument "Network", for layers of an actor and a critic.
    let actorOf (initialLogStandardDeviation: float) (observations: Space) (actions: Space) (options: NetworkOptions) =
        let head = Policy.headFor initialLogStandardDeviation actions

        let own =
            match NetworkDesign.only options.Network with
            | None when PrivilegedPart.isIn observations -> Some(PathDesign.ofHidden options.Activation options.Hidden)
            | own -> own

        match own with
        | Some path -> PolicyNetwork.ofPath (Initialiser.Orthogonal Initialiser.rootTwo) observations head path
        | None -> Actor.create options.Activation (Encoding.size observations) options.Hidden head
        |> Policy.scaledActor options.ActionScaling actions

    /// `actorOf` for the environment's spaces.
    let actor (initialLogStandardDeviation: float) (environment: BatchEnvironment) (options: NetworkOptions) : Actor =
        actorOf initialLogStandardDeviation environment.ObservationSpace environment.ActionSpace options

    let normaliseObservations: OptionRow<NetworkOptions> list =
        [
            Options.flag (nameof o.NormaliseObservations) _.NormaliseObservations (fun v c ->
                { c with NormaliseObservations = v })
        ]

    /// The options that say layers where `Network` does not; beside it they have no effect.
    let private unread = [ nameof o.Hidden; nameof o.Activation; "Convolutions"; "SharedTrunk" ]

    /// Fails for an option that differs from its default and has no effect, since `Network` says the layers.
    let internal requireRead (rows: OptionRow<'C> list) (defaults: 'C) (options: 'C) : unit =
        let isSet (row: OptionRow<'C>) = row.Print options <> row.Print defaults

        match rows |> List.tryFind (fun row -> row.Kind.IsNetwork && isSet row) with
        | Some network ->
            for row in rows do
                if List.contains row.Name unread && isSet row then
                    Guard.fail
                        row.Name
                        ($"{row.Name} is {row.Print options} and has no effect beside {network.Name}, which says the "
                         + $"layers itself: leave {row.Name} as it is, {row.Print defaults}, or {network.Name} at "
                         + $"{network.Print defaults}.")
        | None -> ()

    /// Fails for the first option that is out of its range, and for one that has no effect beside `Network`.
    let validate (rows: OptionRow<'C> list) (defaults: 'C) (options: 'C) : unit =
        Options.validate rows options
        requireRead rows defaults options

    /// Options of a file, which may still have such an option from when it was not refused: without it. `ofDefaults`
    /// gives those of the algorithm.
    let internal withoutUnread (ofDefaults: unit -> (string * string) list) (pairs: (string * string) list) =
        let isDesigned (name, text) = name = nameof o.Network && text <> NetworkDesign.print NetworkDesign.Automatic

        if List.exists isDesigned pairs then
            let defaults = ofDefaults ()

            pairs
            |> List.filter (fun (name, text) -> not (List.contains name unread) || List.contains (name, text) defaults)
        else
            pairs

    /// The row of layers of a user's own.
    let private design: OptionRow<NetworkOptions> list =
        [ Options.network (nameof o.Network) _.Network (fun v c -> { c with Network = v }) ]

    /// The rows of layers whose weights go where they will.
    let freeLayers: OptionRow<NetworkOptions> list =
        [
            yield! design
            Options.widths (nameof o.Hidden) _.Hidden (fun v c -> { c with Hidden = v })
            Options.activation (nameof o.Activation) _.Activation (fun v c -> { c with Activation = v })
        ]

    let private kinds =
        ("Layers of your own in place of those that other options say: branches for the parts of an observation, dense "
         + "layers, convolutions, layer normalisation and residual layers")

    /// Rows of an algorithm with one network, with what it is of, such as "of the action values".
    let ofOne (what: string) (rows: OptionRow<'C> list) : OptionRow<'C> list =
        rows |> Options.meaning (nameof o.Network) $"{kinds}, {what}; auto for those of the other options."

    /// Rows of an algorithm whose actor and critic have each their own parameters.
    let ofTwo (rows: OptionRow<'C> list) : OptionRow<'C> list =
        rows
        |> ofOne "of actor and critic each, who share no parameters, whether they have one design or two"

    /// Rows of an algorithm whose critics take actions beside observations.
    let ofActionCritics (rows: OptionRow<'C> list) : OptionRow<'C> list =
        rows
        |> ofOne (
            "of actor and critics each, who share no parameters, whether they have one design or two; critics take "
            + "the action as a branch after the others, or without branches where the first dense layer comes"
        )

    let private constraints =
        [
            "off", WeightConstraint.Off
            "unitNorm", WeightConstraint.UnitNorm
            "spectralNorm", WeightConstraint.SpectralNorm
        ]

    /// The rows of layers that an optimiser moves.
    let layers: OptionRow<NetworkOptions> list =
        [
            yield! freeLayers
            Options.choice constraints (nameof o.WeightConstraint) _.WeightConstraint (fun v c ->
                { c with WeightConstraint = v })
        ]

    /// The optimiser of a network, after each of whose steps the weights of hidden layers are put back.
    let constrain (options: NetworkOptions) (optimiser: Transform) : Transform =
        match options.WeightConstraint with
        | WeightConstraint.Off -> optimiser
        | WeightConstraint.UnitNorm -> Transform.chain [ optimiser; WeightConstraints.unitNorm ]
        | WeightConstraint.SpectralNorm -> Transform.chain [ optimiser; WeightConstraints.spectralNorm ]

    let actionScaling: OptionRow<NetworkOptions> list =
        [
            Options.choice Settings.scalings (nameof o.ActionScaling) _.ActionScaling (fun v c ->
                { c with ActionScaling = v })
        ]

    /// The layers of algorithms that search for a policy without a critic.
    let policyLayers: OptionRow<NetworkOptions> list =
        freeLayers
        |> Options.meaning (nameof o.Hidden) "Widths of the policy's hidden layers; none for a linear policy."
        |> ofOne "of the policy"
