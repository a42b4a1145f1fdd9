// Reads numbers from standard input, a row a line, and prints the transposed matrix.
#include <algorithm>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

int main() {
    std::vector<std::vector<double>> rows;
    std::size_t columns = 0;
    for (std::string line; std::getline(std::cin, line);) {
        std::istringstream cells(line);
        std::vector<double> row;
        for (double cell; cells >> cell;) row.push_back(cell);
        if (!cells.eof()) {
            std::cerr << "matrix: line " << rows.size() + 1 << ": not a number\n";
            return 2;
        }
        columns = std::max(columns, row.size());
        rows.push_back(std::move(row));
    }
    for (std::size_t column = 0; column < columns; ++column) {
        for (std::size_t row = 0; row < rows.size(); ++row) {
            if (row > 0) std::cout << ' ';
            std::cout << (column < rows[row].size() ? rows[row][column] : 0.0);
        }
        std::cout << '\n';
    }
    return 0;
}
