/// All distributions over actions, by the names that files give them.
namespace Rl.Core.Acting

open Rl.Core.Foundations

[<RequireQualifiedAccess>]
module ActionDistributions =

    /// The distribution that a format names. `ArgumentException` for an unknown name or numbers that do not fit it.
    let rec ofFormat (format: DistributionFormat) : ActionDistribution =
        match format.Name, format.Sizes, format.Numbers, format.Parts with
        | name, [ actions ], [], [] when name = CategoricalPolicy.name -> CategoricalPolicy.create actions
        | name, (_ :: _ as choices), [], [] when name = MultiCategoricalPolicy.name ->
            MultiCategoricalPolicy.create choices
        | name, [ count ], [], [] when name = BernoulliPolicy.name -> BernoulliPolicy.create count
        | name, [ count ], [ initial ], [] when name = DiagonalNormalPolicy.name ->
            DiagonalNormalPolicy.create count initial
        | name, [ count ], [], [] when name = DiagonalNormalPolicy.stateDependentName ->
            DiagonalNormalPolicy.stateDependent count
        | name, [ count; features ], [ initial ], [] when name = StateDependentExplorationPolicy.name ->
            StateDependentExplorationPolicy.create count features initial
        | name, [ count ], [ least; most ], [] when name = SquashedNormalPolicy.name ->
            SquashedNormalPolicy.create count least most
        | name, [ count; components ], [ least; most ], [] when name = MixtureNormalPolicy.name ->
            MixtureNormalPolicy.create count components least most
        | name, [ count ], [], [] when name = DeterministicPolicy.name -> DeterministicPolicy.create count
        | name, [ count ], [], [] when name = PlannedPolicy.name -> PlannedPolicy.create count
        | name, [ actions ], [], [] when name = GreedyPolicy.name -> GreedyPolicy.create actions
        | name, [ actions ], [], [] when name = DuelingGreedyPolicy.name -> DuelingGreedyPolicy.create actions
        | name, (_ :: _ as choices), [], [] when name = BranchingGreedyPolicy.name ->
            BranchingGreedyPolicy.create false choices
        | name, (_ :: _ as choices), [], [] when name = BranchingGreedyPolicy.duelingName ->
            BranchingGreedyPolicy.create true choices
        | name, [ actions ], [ threshold ], [] when name = PermittedGreedyPolicy.name ->
            PermittedGreedyPolicy.create actions threshold
        | name, [ actions; count; (1 | 2) as heads ], [ low; high ], [] when name = CategoricalReturnPolicy.name ->
            CategoricalReturnPolicy.create (heads = 2) actions count low high
        | name, [ actions; count; (1 | 2) as heads ], [], [] when name = QuantileReturnPolicy.name ->
            QuantileReturnPolicy.create (heads = 2) actions count
        | name, [], [], (_ :: _ as parts) when name = JointPolicy.name ->
            JointPolicy.create (parts |> List.map ofFormat)
        | name, sizes, numbers, parts ->
            Guard.fail
                (nameof format)
                ($"There is no policy \"{name}\" of {sizes.Length} sizes, {numbers.Length} numbers and "
                 + $"{parts.Length} parts.")
