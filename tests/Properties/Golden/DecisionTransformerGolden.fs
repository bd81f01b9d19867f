/// Updates of decision transformers step by step against d3rlpy: predictions, losses, gradients, new weights, and the
/// warm-up of the rate.
module Rl.Tests.Golden.DecisionTransformerGolden

open Rl.Core.Acting
open Rl.Core.Algorithms
open Rl.Core.Autodiff
open Rl.Core.Learning
open Rl.Core.Networks
open Xunit
open Rl.Tests.Golden.AlgorithmNetworks
open Rl.Tests.Golden.ActorCriticUpdatesGolden

let private isDiscrete (settings: GoldenNode) = settings.Text "action" = "discrete"
let private isGlobal (settings: GoldenNode) = settings.Text "position_encoding" = "global"

/// The network of a case: the numbers of an action are those of its embedding.
let private actorOf (case: GoldenNode) : Actor =
    let settings = case["params"]
    let weights = case["initial_weights"]
    let discrete = isDiscrete settings
    let position = if isGlobal settings then "global_position_embed" else "position_embed"
    let outputs = (weights.Shape "output.weight")[0]

    let distribution =
        if discrete then
            CategoricalPolicy.create outputs
        else
            DeterministicPolicy.create outputs

    let actor = Actor.create Activation.Relu (settings.Int "width") [] distribution

    { actor with
        Transformer =
            Some
                {
                    Observations = (weights.Shape "state_embed.weight")[1]
                    Actions = outputs
                    Context = settings.Int "context"
                    Width = settings.Int "width"
                    Heads = settings.Int "heads"
                    Blocks = settings.Int "layers"
                    LongestEpisode = (weights.Shape position)[0]
                    Activation = if settings.Text "activation" = "gelu" then Activation.Gelu else Activation.Relu
                    Positions = if isGlobal settings then StepPositions.LastStep else StepPositions.OwnStep
                    Embedding = if discrete then TokenEmbedding.Saturated else TokenEmbedding.Normalised
                    Epsilon = settings.Float "block_norm_eps"
                }
        Layers = { actor.Layers with OutputActivation = if discrete then Activation.Identity else Activation.Tanh }
    }

/// Our blocks from d3rlpy's weights; biases that it does not have are 0.
let private parametersOf (actor: Actor) (discrete: bool) (p: Map<string, Expr>) : Parameters =
    let layout = Actor.layout actor
    let turned name = Expr.transpose p[name]

    let ofBlock (block: Block) =
        match block.Name.Split '/' |> List.ofArray |> List.tail with
        | [ "target" ]
        | [ "scale" ] -> Expr.zeros [| 1 |]
        | [ "returns"; kind ] when kind = "weight" -> turned "return_embed.weight"
        | [ "returns"; _ ] -> p["return_embed.bias"]
        | [ "observations"; kind ] when kind = "weight" -> turned "state_embed.weight"
        | [ "observations"; _ ] -> p["state_embed.bias"]
        | [ "actions"; "weight" ] ->
            // A table of embeddings is the weight of integers one-hot.
            if discrete then p["action_embed.weight"] else turned "action_embed.weight"
        | [ "actions"; _ ] -> if discrete then Expr.zeros block.Shape else p["action_embed.bias"]
        | [ "positions" ] ->
            if p.ContainsKey "position_embed" then
                p["position_embed"]
            else
                p["global_position_embed"]
        | [ "places" ] ->
            // d3rlpy has three vectors for each place and uses one.
            Expr.slice 1 0 block.Shape[0] p["block_position_embed"]
        | [ "normalisation"; "scale" ] -> p["embed_norm.weight"]
        | [ "normalisation"; _ ] -> p["embed_norm.bias"]
        | [ "last"; "scale" ] -> p["final_norm.weight"]
        | [ "last"; _ ] -> p["final_norm.bias"]
        | [ "output"; "weight" ] -> turned "output.weight"
        | [ "output"; _ ] -> if discrete then Expr.zeros block.Shape else p["output.bias"]
        | [ index; "first"; "scale" ] -> p[$"block{index}.norm1.weight"]
        | [ index; "first"; _ ] -> p[$"block{index}.norm1.bias"]
        | [ index; "second"; "scale" ] -> p[$"block{index}.norm2.weight"]
        | [ index; "second"; _ ] -> p[$"block{index}.norm2.bias"]
        | [ index; "attention"; "inputWeight" ] ->
            Expr.concat -1 [ for part in [ "query"; "key"; "value" ] -> turned $"block{index}.{part}.weight" ]
        | [ index; "attention"; "inputBias" ] ->
            Expr.concat -1 [ for part in [ "query"; "key"; "value" ] -> p[$"block{index}.{part}.bias"] ]
        | [ index; "attention"; "outputWeight" ] -> turned $"block{index}.projection.weight"
        | [ index; "attention"; _ ] -> p[$"block{index}.projection.bias"]
        | [ index; "expand"; "weight" ] -> turned $"block{index}.mlp.0.weight"
        | [ index; "expand"; _ ] -> p[$"block{index}.mlp.0.bias"]
        | [ index; "contract"; "weight" ] -> turned $"block{index}.mlp.1.weight"
        | [ index; "contract"; _ ] -> p[$"block{index}.mlp.1.bias"]
        | other -> failwith $"The block %A{other} is not known here."

    let theta = [ for block in layout.Blocks -> Expr.reshape [| block.Count |] (ofBlock block) ]
    Parameters.create layout (Expr.concat 0 theta)

let private stepsOf (actor: Actor) (discrete: bool) (step: GoldenNode) : EpisodeSteps =
    let taken = batch step "actions"

    {
        Returns = Expr.squeeze -1 (batch step "returns_to_go")
        Observations = batch step "observations"
        Actions =
            if discrete then
                Expr.equal taken (Expr.vector [ for choice in 0 .. actor.Distribution.Outputs - 1 -> float choice ])
            else
                taken
        Steps = batch step "timesteps"
        Present = batch step "masks"
    }

let private verify (case: GoldenNode) =
    let settings = case["params"]
    let discrete, actor = isDiscrete settings, actorOf case
    let net = actor.Transformer.Value
    let training = Training(case, settings.Float "adam_eps")
    let mutable rate = settings.Float "lr"

    for step in case["steps"].Items do
        let steps = stepsOf actor discrete step
        let kept = step.TryGet "dropout_keep_masks" |> Option.map (fun node -> node.Items)

        let drop place (x: Expr) =
            match kept with
            | Some masks ->
                let keep = Expr.reshape x.Shape (GoldenCases.ofNode (List.item place (List.ofSeq masks)))
                Dropout.apply (settings.Float "dropout") keep x
            | None -> x

        // What d3rlpy's empty places look at, which counts in its loss of choices: what comes after a token has the
        // score −10000, and empty ones that less than theirs.
        let mask (scores: Expr) =
            let present = Expr.expandAxis -1 steps.Present
            let tokens = Expr.concat -1 [ present; present; present ] |> Expr.reshape [| -1; 1; 1; net.Tokens |]
            let causal = Expr.select (Attention.causalMask net.Tokens) scores (Expr.number -1e4)
            causal - 1e4 * (1.0 - tokens)

        let featuresOf parameters =
            EpisodeTransformer.applyMasked mask net drop (Parameters.at "transformer" parameters) steps

        let predictions p =
            let parameters = parametersOf actor discrete p
            (Actor.onFeatures actor parameters (featuresOf parameters) (Expr.number 0.0)).Policy

        let loss p =
            let parameters = parametersOf actor discrete p

            let errors =
                DecisionTransformer.errors
                    actor
                    (not discrete)
                    parameters
                    (featuresOf parameters)
                    (batch step "actions")

            // d3rlpy's loss of choices counts empty places too.
            Expr.mean (if discrete then errors else steps.Present * errors)

        let predicted = step["prediction"].AsArray.Values
        close step "prediction" predicted (numbers (predictions training.All))

        // Ours looks at other things there, and at the same from every place that is one.
        let own =
            let parameters = parametersOf actor discrete training.All
            let features = EpisodeTransformer.apply net drop (Parameters.at "transformer" parameters) steps
            numbers (Actor.onFeatures actor parameters features (Expr.number 0.0)).Policy

        let present = step["batch"].Floats "masks"
        let width = predicted.Length / present.Length
        let counted (values: float[]) = values |> Array.mapi (fun index value -> value * present[index / width])
        close step "prediction of steps" (counted predicted) (counted own)
        close step "loss" [| step.Float "loss" |] (numbers (loss training.All))
        training.Move("transformer", rate, step, step["gradients"].Floats "transformer", loss)
        training.Check step

        if step.Has "learning_rate_after" then rate <- step.Float "learning_rate_after"

[<Fact>]
let ``decision transformers predict and move as in d3rlpy, step by step`` () =
    Golden.verify "decision_transformer" verify

[<Fact>]
let ``the rate rises with the tokens that were learned from, as in d3rlpy, and falls by a cosine`` () =
    Golden.verifyWhere "decision_transformer" (fun case -> case["params"].Has "warmup_tokens") (fun case ->
        let settings = case["params"]
        let warm, final = settings.Float "warmup_tokens", settings.Float "final_tokens"
        let schedule = RateSchedule.WarmUp(warm / final, RateSchedule.cosine 1.0 0.0)
        let mutable tokens = 0.0

        for step in case["steps"].Items do
            tokens <- tokens + Array.sum (step["batch"].Floats "masks")
            let ours = max (if tokens < warm then 0.0 else 0.1) (RateSchedule.at (tokens / final) schedule)
            close step "rate" [| step.Float "learning_rate_after" |] [| settings.Float "lr" * ours |])
