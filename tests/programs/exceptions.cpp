// SPDX-License-Identifier: ISC
// exceptions.cpp - C++: exceptions through frames and across threads, iostreams, threads, futures, containers.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <fstream>
#include <future>
#include <iomanip>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <numeric>
#include <random>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace
{

int alive;

struct Guard {
	Guard() { ++alive; }
	~Guard() { --alive; }
	Guard(const Guard &) = delete;
	Guard &operator=(const Guard &) = delete;
};

struct Problem : std::runtime_error {
	int depth;
	explicit Problem(int at) : std::runtime_error("problem at " + std::to_string(at)), depth(at) {}
};

int descend(int depth)
{
	Guard guard;

	if (depth == 0)
		throw Problem(depth);
	try {
		return descend(depth - 1) + 1;
	} catch (const std::logic_error &) {
		return -1;
	}
}

void unwinding()
{
	for (int depth : { 1, 10, 500 }) {
		try {
			descend(depth);
			std::cout << "not thrown\n";
		} catch (const Problem &problem) {
			std::cout << problem.what() << " alive " << alive << '\n';
		}
	}
	try {
		try {
			std::vector<int>(3).at(7);
		} catch (...) {
			std::throw_with_nested(Problem(1));
		}
	} catch (const std::exception &outer) {
		std::cout << outer.what();
		try {
			std::rethrow_if_nested(outer);
		} catch (const std::out_of_range &) {
			std::cout << " of an index\n";
		}
	}
	try {
		std::unique_ptr<char[]> much(new char[std::size_t(1) << 46]);
		std::cout << "allocated\n";
	} catch (const std::bad_alloc &error) {
		std::cout << error.what() << '\n';
	}
}

void across_threads()
{
	std::vector<std::future<long>> futures;
	long sum = 0;

	for (int i = 0; i < 16; i++)
		futures.push_back(std::async(std::launch::async, [i]() -> long {
			if (i % 4 == 3)
				throw Problem(i);
			long total = 0;
			for (int j = 0; j < 10000; j++)
				total += j % (i + 1);
			return total;
		}));
	for (auto &future : futures) {
		try {
			sum += future.get();
		} catch (const Problem &problem) {
			std::cout << "thread: " << problem.what() << '\n';
		}
	}
	std::cout << "sum " << sum << '\n';

	std::atomic<int> caught(0);
	std::vector<std::thread> threads;
	for (int i = 0; i < 8; i++)
		threads.emplace_back([&caught, i] {
			for (int j = 0; j < 200; j++) {
				try {
					throw Problem(i);
				} catch (const Problem &problem) {
					caught += problem.depth == i;
				}
			}
		});
	for (auto &thread : threads)
		thread.join();
	std::cout << "caught " << caught << '\n';
}

void synchronizing()
{
	std::mutex mutex;
	std::condition_variable_any changed;
	std::promise<std::string> promise;
	std::thread thread([&promise] { promise.set_value("a promise kept"); });
	bool ready = false;

	std::cout << promise.get_future().get() << '\n';
	thread.join();
	thread = std::thread([&] {
		std::lock_guard<std::mutex> lock(mutex);
		ready = true;
		changed.notify_all();
	});
	{
		std::unique_lock<std::mutex> lock(mutex);
		changed.wait(lock, [&ready] { return ready; });
		std::cout << std::boolalpha << ready << ' '
			  << (changed.wait_for(lock, std::chrono::milliseconds(5)) == std::cv_status::timeout)
			  << '\n';
	}
	thread.join();
	const auto before = std::chrono::steady_clock::now();
	std::this_thread::sleep_for(std::chrono::milliseconds(5));
	std::cout << (std::chrono::steady_clock::now() - before >= std::chrono::milliseconds(5)) << '\n';
}

void streams(const char *input, const char *output)
{
	std::ifstream in(input);
	std::map<std::string, int> count;
	std::string word;

	in.exceptions(std::ios::badbit);
	while (in >> word)
		++count[word];
	std::ofstream out(output);
	for (const auto &[text, times] : count)
		out << std::left << std::setw(12) << text << std::right << std::setw(5) << times << '\n';
	out.close();
	std::cout << count.size() << ' ' << out.good() << '\n';
	std::ifstream missing("in/nothing");
	std::cout << missing.fail() << '\n';
	try {
		missing.exceptions(std::ios::failbit);
	} catch (const std::ios::failure &error) {
		std::cout << (error.code() == std::io_errc::stream) << '\n';
	}
	std::ostringstream text;
	text << std::hex << 255 << ' ' << std::setprecision(12) << 1.0 / 3 << ' ' << std::scientific << 1e100;
	std::cout << text.str() << '\n';
}

void library()
{
	std::mt19937_64 dice(1);
	std::vector<std::uint64_t> values(100000);
	std::smatch match;
	const std::string line = "error 42: the disk is full";

	std::generate(values.begin(), values.end(), dice);
	std::sort(values.begin(), values.end());
	std::cout << std::accumulate(values.begin(), values.end(), std::uint64_t(0)) << ' ' << values[777] << '\n';
	if (std::regex_match(line, match, std::regex("(\\w+) (\\d+): (.*)")))
		std::cout << match[2] << '|' << match[3] << '\n';
}

} // namespace

int main(int count, char **arguments)
{
	if (count > 1 && std::string(arguments[1]) == "uncaught") {
		std::cout << "throwing" << std::endl;
		throw Problem(7);
	}
	unwinding();
	across_threads();
	synchronizing();
	streams("in/words", "out/counted");
	library();
	std::cout << "alive " << alive << '\n';
}
